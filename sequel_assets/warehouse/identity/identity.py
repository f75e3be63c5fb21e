"""What a warehouse was created with: the key and the rule of its people's ids, its root company, Sequel's host.

With another key every person would get a new id, and with another account its rows would mix with the stored ones, both
without any error. So every writer compares first. The key itself is never stored: only a fingerprint of it.
"""

import contextlib
import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

import sqlalchemy as sa

from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError, place
from sequel_assets.warehouse.stores.people import RULE_VERSION, hashed
from sequel_assets.warehouse.tables.company_lists import warehouse_identity
from sequel_assets.warehouse.tables.core import companies, people

LOOPBACK = "loopback"
"""Replaces every address of this machine itself: which of them, and which port, say nothing about the account."""
DEFAULT_PORTS = {80, 443}
NO_REKEY = "a warehouse's key cannot be changed yet"


class IdentityError(WarehouseError):
    """The settings are not those that the warehouse was made with; nothing was written."""


@dataclass(frozen=True)
class Identity:
    """What a warehouse was created with. None is what a process does not know."""

    company_id: str | None = None
    api_host: str | None = None
    person_key_fingerprint: str | None = None
    rule_version: int = RULE_VERSION


@dataclass(frozen=True)
class IdentitySettings:
    """The settings of a process that decide about the identity; None is what it was not given."""

    company_id: str | None = None
    api_url: str | None = None
    person_key: str | None = field(default=None, repr=False)

    @property
    def identity(self) -> Identity:
        """Return what a warehouse created with these settings would have."""
        host = None if self.api_url is None else host_of(self.api_url)
        return Identity(self.company_id, host, None if self.person_key is None else fingerprint(self.person_key))


def fingerprint(person_key: str) -> str:
    """Return a fingerprint that identifies a key and does not reveal it: the start of an HMAC of a constant."""
    return hashed(person_key, "\0sequel_assets person key")[:32]


def host_of(url: str) -> str:
    """Return the host of an address, in one spelling; `LOOPBACK` for this machine itself, whatever the port.

    Scheme, case, a dot at the end and the usual ports make no difference; another port does.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").rstrip(".").lower(), parts.port
    except ValueError:
        return url
    with contextlib.suppress(UnicodeError):
        host = host.encode("idna").decode()
    if _is_loopback(host):
        return LOOPBACK
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None or port in DEFAULT_PORTS else f"{shown}:{port}"


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(host))  # 127.1 and its like
        except (OSError, ValueError):
            return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def compare(stored: Identity, mine: Identity) -> list[str]:
    """Return how the settings differ from what the warehouse was created with, each with what to do. Pure.

    What one of them does not know is not compared.
    """
    differences = []
    if _differ(stored.company_id, mine.company_id):
        differences.append(
            f"SEQUEL_COMPANY_ID is {mine.company_id}, and the warehouse was made with {stored.company_id} (set that one, "
            "or give the other account a warehouse of its own: SEQUEL_WAREHOUSE_URL)"
        )
    if _differ(stored.api_host, mine.api_host):
        differences.append(
            f"SEQUEL_API_URL is at {mine.api_host}, and the warehouse was made with {stored.api_host} (set that one, or, "
            "if Sequel has moved the same account there, run: sequel-assets identity --move-host)"
        )
    if _differ(stored.person_key_fingerprint, mine.person_key_fingerprint):
        differences.append(
            "SEQUEL_PERSON_KEY is not the key that the warehouse was made with, and would give every person another id "
            f"(set that one; {NO_REKEY})"
        )
    if stored.rule_version > mine.rule_version:
        differences.append(
            f"a newer release has made the people's ids (by rule {stored.rule_version}, this one knows {mine.rule_version}; "
            "update sequel_assets)"
        )
    if stored.rule_version < mine.rule_version:
        differences.append(
            f"an older release has made the people's ids (by rule {stored.rule_version}, this one's is {mine.rule_version}; "
            "set SEQUEL_COMPANY_ID, SEQUEL_API_URL and SEQUEL_PERSON_KEY and run: sequel-assets migrate)"
        )
    return differences


def _differ(one: object | None, other: object | None) -> bool:
    return one is not None and other is not None and one != other


def stored_identity(connection: sa.Connection) -> tuple[Identity, datetime] | None:
    """Return what the warehouse was created with and when that was written; None where it is not written yet."""
    i = warehouse_identity.c
    columns = (i.company_id, i.api_host, i.person_key_fingerprint, i.rule_version, i.written_at)
    row = connection.execute(sa.select(*columns)).first()
    return None if row is None else (Identity(*row[:4]), row[4])


Adopt = Callable[[sa.Connection, str, datetime], None]
"""Verifies the key that stored people were hashed with, or raises `IdentityError`; then rewrites their ids."""


def ensure(warehouse: Warehouse, mine: IdentitySettings, *, at: Callable[[], datetime], adopt: Adopt) -> bool:
    """Refuse a warehouse that was created with other settings; write the identity of a new one.

    One that an older release filled is adopted. A process that knows only a part compares that and writes nothing.
    Return False where there is nothing to compare with, since the tables are not of this release.
    """
    now = warehouse.ask(_read)
    if now is None:
        return False
    stored, root = now
    identity = mine.identity
    if stored is not None and not (differences := compare(stored, identity)):
        return True
    if stored is not None and (stored.rule_version >= RULE_VERSION or _is_partial(identity)):
        raise refused(warehouse, differences)
    if stored is None:
        _refuse_other(warehouse, Identity(company_id=root), identity)
        if _is_partial(identity):
            return True
    warehouse.change(lambda connection: _write(connection, warehouse, mine, at, adopt))
    return True


def _read(connection: sa.Connection) -> tuple[Identity | None, str | None] | None:
    """Return what is written and the root company that is stored; None where the tables are not of this release."""
    if schema.version(connection) != schema.newest():
        return None
    stored = stored_identity(connection)
    return (None if stored is None else stored[0]), root_of(connection)


def _write(
    connection: sa.Connection, warehouse: Warehouse, mine: IdentitySettings, at: Callable[[], datetime], adopt: Adopt
) -> None:
    """Write the identity and adopt the people, unless another process has done so first."""
    _lock(connection, warehouse)
    stored, identity = stored_identity(connection), mine.identity
    before = Identity(company_id=root_of(connection)) if stored is None else stored[0]
    _refuse_other(warehouse, Identity(before.company_id, before.api_host, before.person_key_fingerprint), identity)
    if stored is not None and before.rule_version >= RULE_VERSION:
        _refuse_other(warehouse, before, identity)
        return
    if connection.scalar(sa.select(sa.literal(1)).select_from(people).limit(1)) is not None:
        adopt(connection, mine.person_key or "", at())
    row = {
        "company_id": identity.company_id,
        "api_host": identity.api_host,
        "person_key_fingerprint": identity.person_key_fingerprint,
        "rule_version": RULE_VERSION,
        "written_at": at(),
    }
    bulk.upsert(connection, warehouse_identity, [row])


def move_host(warehouse: Warehouse, mine: IdentitySettings) -> tuple[str | None, str]:
    """Write the host of the settings into the warehouse; all else must be the same. Return the old and the new host."""
    here = mine.identity

    def move(connection: sa.Connection) -> str | None:
        _lock(connection, warehouse)
        stored = stored_identity(connection)
        if stored is None:
            raise IdentityError(
                f"the warehouse {place(warehouse.url)} does not say yet what it was made with; nothing was written; the first "
                "backfill writes it down"
            )
        _refuse_other(warehouse, stored[0], Identity(here.company_id, None, here.person_key_fingerprint))
        connection.execute(warehouse_identity.update().values(api_host=here.api_host))
        return stored[0].api_host

    return warehouse.change(move), here.api_host or ""


def root_of(connection: sa.Connection) -> str | None:
    """Return the root of the stored company hierarchy, if there is one."""
    c = companies.c
    return connection.scalar(sa.select(c.company_id).where(c.parent_company_id.is_(None)).limit(1))


def _is_partial(mine: Identity) -> bool:
    return None in (mine.company_id, mine.api_host, mine.person_key_fingerprint)


def _refuse_other(warehouse: Warehouse, stored: Identity, mine: Identity) -> None:
    differences = compare(stored, mine)
    if differences:
        raise refused(warehouse, differences)


def refused(warehouse: Warehouse, differences: Sequence[str]) -> IdentityError:
    """Return the refusal, in one line."""
    return IdentityError(
        f"the warehouse {place(warehouse.url)} is not that of these settings; nothing was written: "
        f"{'; '.join(differences)}"
    )


def _lock(connection: sa.Connection, warehouse: Warehouse) -> None:
    """Let one process at a time decide; SQLite's transaction alone is enough."""
    if not warehouse.is_sqlite:
        lock = sa.func.hashtextextended("sequel_assets identity", 0)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))
