"""One request as the client means it, before it is HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Host = Literal["api", "analytics"]


@dataclass(frozen=True)
class Call:
    """What is asked: `name` is the field of `Paths` it came from, and what the verdict table judges by.

    `is_repeatable`: whether asking twice does no more than asking once. That holds for all calls, also for the POSTs that
    only read (sign-in, user activity), but for those that make a subscription or its key anew. `is_wordless`: success is
    told by the status, and the body may be anything. `secrets` are struck out of what is kept of an error's answer. Body
    and secrets are kept out of the repr.
    """

    name: str
    path: str
    host: Host = "api"
    method: Literal["GET", "POST", "PUT", "DELETE"] = "GET"
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    is_repeatable: bool = True
    is_wordless: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def is_sign_in(self) -> bool:
        """Whether it fetches the token, and so must not carry one."""
        return self.name == "token"
