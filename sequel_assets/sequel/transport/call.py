"""One call of an endpoint, before it becomes an HTTP request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Host = Literal["api", "analytics"]


@dataclass(frozen=True)
class Call:
    """What is requested: `name` is the field of `Paths` it came from, by which `response_rules` decides.

    `is_repeatable`: whether two requests do no more than one. True for all calls, also for POSTs that only read
    (sign-in, user activity), but not for those that create a subscription or a new key. `ignores_body`: the status
    alone says success, and the body may be anything. `secrets` are removed from what is kept of an error response. Body
    and secrets are left out of the repr.
    """

    name: str
    path: str
    host: Host = "api"
    method: Literal["GET", "POST", "PUT", "DELETE"] = "GET"
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    is_repeatable: bool = True
    ignores_body: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def is_sign_in(self) -> bool:
        """Whether it fetches the token, and so must not carry one."""
        return self.name == "token"
