"""One request as the client means it, before it is HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Host = Literal["api", "analytics"]


@dataclass(frozen=True)
class Call:
    """What is asked: `name` is the field of `Paths` it came from, and what the verdict table judges by.

    All of Sequel's POSTs in here (sign-in, user activity) only read, so every call may be repeated. The body is kept
    out of the repr, since that of the sign-in is the secret.
    """

    name: str
    path: str
    host: Host = "api"
    method: Literal["GET", "POST"] = "GET"
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def is_sign_in(self) -> bool:
        """Whether it fetches the token, and so must not carry one."""
        return self.name == "token"
