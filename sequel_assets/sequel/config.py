"""The client's configuration: plain values, checked once. It reads no environment variables; the settings do that."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx

from sequel_assets.sequel.parsing.decoding import MAX_VALUES
from sequel_assets.sequel.paths import Paths


@dataclass(frozen=True)
class SequelConfig:
    """Hosts, credentials and bounds of a client.

    `retry_budget_seconds` is per request and counts from its first failure, waits included. `max_attempts` counts the
    attempts that were not throttled (429): those are the budget's alone, since a minute of 429 must be survived; with
    1 nothing is ever repeated. `total_timeout_seconds` bounds one attempt from connecting to the last byte: a server
    that sends a byte now and then would otherwise block a thread for ever. `max_values` bounds what a response may grow
    to in memory.
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
    max_values: int = MAX_VALUES
    allow_plain_http: bool = False
    """Whether secret, token and answers may travel in clear to other hosts than this machine."""
    paths: Paths = field(default_factory=Paths)
    end_date_is_included: bool = True
    """Whether Sequel counts the endDate of a range of days (I); else the day after the last one is requested."""
    activity_unit_seconds: float = 60.0
    """The unit of the user activity's times, which Sequel does not state (I)."""
    max_requests: int | None = None
    """How many requests this client may send in all, tokens and repetitions included; None is any number."""
    debug_answers: str | None = None
    """A file that receives error responses verbatim (`transport/debug_answers.py`); they contain personal data."""

    def __post_init__(self) -> None:
        """Refuse what can never work, naming the field; nothing is looked up or opened."""
        for name in ("api_url", "analytics_url"):
            object.__setattr__(self, name, _checked_url(name, getattr(self, name)))
            if not (self.allow_plain_http or is_safe_from_listeners(getattr(self, name))):
                raise ValueError(
                    f"{name} is http:// to another machine: the client secret and people's data would travel in clear; "
                    "use https://, or set SEQUEL_ALLOW_PLAIN_HTTP=true if you accept that"
                )
        for name in ("client_id", "client_secret", "audience"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name} must not be empty")
        for name in ("connect_timeout_seconds", "read_timeout_seconds", "total_timeout_seconds"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be more than 0")
        if not 0 <= self.retry_budget_seconds < math.inf:
            raise ValueError("retry_budget_seconds must not be negative")
        for name in ("max_concurrency", "max_attempts", "max_body_bytes", "max_values"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")


def is_safe_from_listeners(url: str) -> bool:
    """Whether nobody on the way can read what is sent to an address: https, or http within this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return True
    host = parts.hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _checked_url(name: str, url: str) -> str:
    """The URL without its last slash. Credentials in it are refused: URLs are logged."""
    url, example = url.strip(), "such as https://api.introvoke.com"
    try:
        parts, as_sent = urlsplit(url), httpx.URL(url)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        is_plain = as_sent.host == parts.hostname and (as_sent.port or None) == _port(parts.port, parts.scheme)
    except (ValueError, httpx.InvalidURL):  # a port that is no number, a broken IPv6 address
        is_address = is_plain = False
    is_odd = any(character.isspace() or not character.isprintable() or character == "\\" for character in url)
    if not is_address or is_odd:
        raise ValueError(f"{name} must be an http(s) address, {example}")
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise ValueError(f"{name} must hold no user name, password, ? or #, {example}")
    # urllib and httpx read different hosts from it: the check would cover another host than the request
    if not is_plain:
        raise ValueError(f"{name} must name its host plainly, {example}")
    return url.rstrip("/")


def _port(port: int | None, scheme: str) -> int | None:
    return None if port == {"http": 80, "https": 443}.get(scheme) else port
