"""What the client must be told. Plain values, checked once: where they come from is the business of the settings."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sequel_assets.sequel.paths import Paths


@dataclass(frozen=True)
class SequelConfig:
    """Hosts, credentials and bounds of a client.

    `retry_budget_seconds` is per request and counts from its first failure, waits included. `max_attempts` counts the
    attempts that were not throttled (429): those are the budget's alone, since a minute of 429 must be survived; with
    1 nothing is ever repeated. `total_timeout_seconds` bounds one attempt, so that a server which feeds a byte now and
    then holds no thread for ever.
    """

    api_url: str
    analytics_url: str
    client_id: str
    client_secret: str = field(repr=False)
    audience: str = "https://www.introvoke.com/api"
    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 60.0
    total_timeout_seconds: float = 300.0
    max_concurrency: int = 8
    retry_budget_seconds: float = 120.0
    max_attempts: int = 8
    max_body_bytes: int = 64 * 1024 * 1024
    paths: Paths = field(default_factory=Paths)

    def __post_init__(self) -> None:
        """Refuse what can never work, naming the field; nothing is looked up or opened."""
        for name in ("api_url", "analytics_url"):
            object.__setattr__(self, name, _checked_url(name, getattr(self, name)))
        for name in ("client_id", "client_secret", "audience"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name} must not be empty")
        for name in ("connect_timeout_seconds", "read_timeout_seconds", "total_timeout_seconds"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be more than 0")
        if not 0 <= self.retry_budget_seconds < math.inf:
            raise ValueError("retry_budget_seconds must not be negative")
        for name in ("max_concurrency", "max_attempts", "max_body_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")


def _checked_url(name: str, url: str) -> str:
    """The URL without its last slash. Credentials in it are refused: URLs are logged."""
    example = "such as https://api.introvoke.com"
    try:
        parts = urlsplit(url.strip())
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a broken IPv6 address
        is_address = False
    if not is_address or any(character.isspace() for character in url.strip()):
        raise ValueError(f"{name} must be an http(s) address, {example}")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(f"{name} must hold no user name, password, ? or #, {example}")
    return url.strip().rstrip("/")
