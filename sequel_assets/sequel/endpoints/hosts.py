"""Who organizes and presents an event: `organizers` and `presenters` are documented, what stands in them is not.

An entry is an e-mail, an id, or an object with one of them. Anything else is counted as unknown: it fails nothing, and no
part of it is kept or quoted.
"""

from __future__ import annotations

from pydantic import Field

from sequel_assets.sequel.parsing.shapes import Model

MAX_HOSTS, MAX_EMAIL_LENGTH, MAX_ID_LENGTH, MAX_NAME_LENGTH = 200, 320, 200, 200
"""Of one role: entries beyond the first count as unknown, and so does an e-mail or id that is longer; a name is cut."""
EMAIL_FIELDS, ID_FIELDS, NAME_FIELDS = ("email", "userEmail"), ("uid", "id", "userId"), ("name", "username")


class Host(Model):
    """Somebody who organizes or presents an event, by their e-mail or, without one, by their id."""

    email: str | None = Field(None, repr=False)
    user_id: str | None = Field(None, repr=False)
    name: str = Field("", repr=False)


class Hosts(Model):
    """Those of one role, and how many entries name nobody in a way that is known."""

    named: tuple[Host, ...] = Field((), repr=False)
    unknown: int = 0


def hosts_or_none(value: object) -> Hosts | None:
    """The hosts of one role; None where Sequel does not say, which is not "nobody"."""
    if value is None:
        return None
    entries = value if isinstance(value, list) else [value]
    named = [host for entry in entries[:MAX_HOSTS] if (host := _host(entry)) is not None]
    return Hosts(named=tuple(named), unknown=len(entries) - len(named))


def _host(entry: object) -> Host | None:
    fields = entry if isinstance(entry, dict) else {"email": entry, "id": entry}
    emails = [text for field in EMAIL_FIELDS if "@" in (text := _text(fields.get(field), MAX_EMAIL_LENGTH))]
    ids = [text for field in ID_FIELDS if (text := _text(fields.get(field), MAX_ID_LENGTH))]
    names = [text for field in NAME_FIELDS if (text := _text(fields.get(field)))]
    if not emails and not ids:
        return None
    return Host(
        email=emails[0] if emails else None,
        user_id=ids[0] if ids and not emails else None,
        name=names[0][:MAX_NAME_LENGTH] if names else "",
    )


def _text(value: object, longest: int | None = None) -> str:
    """A text, or a whole number as its digits; empty where it is neither, or too long."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if longest is None or len(text) <= longest else ""
