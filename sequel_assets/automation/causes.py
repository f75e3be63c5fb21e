"""Which messages an alert sensor owes its owner: a pure decision over what is red now, what has been told, and the time.

A cause is a red check or a job whose latest finished run failed. It is told once, however often it is seen and however
its text changes, and once more when it has been well for ten minutes. What is only seen no more (its run was deleted,
its check removed) is neither red nor well: it is kept for a week and then forgotten without a word.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .wording import bounded, hint

KINDS = ("check", "job")
WELL_AFTER = 600.0
"""Seconds that a cause must have been well before that is told; until then a relapse is the same cause."""
FORGOTTEN_AFTER = 7 * 86400.0
MOST_MESSAGES = 5
"""Messages of one tick; what is more than these shares one summary."""
BY_HAND = "__ASSET_JOB"
"""Dagster's name of the job of what is materialized without one."""
MOST_REMEMBERED = 500
MOST_CURSOR = 400_000
"""Characters of a cursor that are read at all."""


class Identity(NamedTuple):
    """What makes a cause the same cause: not its text."""

    kind: str
    """`check` or `job`."""
    name: str
    """The asset, or the job."""
    check: str = ""

    def __str__(self) -> str:
        """Return it as a message's heading says it."""
        if self.kind == "check":
            return f"check {self.check} of {self.name}"
        return "run started by hand" if self.name == BY_HAND else f"job {self.name}"


@dataclass(frozen=True)
class Sighting:
    """The latest finished execution of a check or a job; times in seconds since 1970."""

    identity: Identity
    is_red: bool
    at: float
    """When it was executed."""
    since: float
    """When the first of the red executions in a row was; `at`, where it is well."""
    severity: str = "ERROR"
    text: str = ""


@dataclass(frozen=True)
class Remembered:
    """What is known of one cause."""

    since: float
    red_at: float
    """Its latest red execution."""
    seen_at: float
    """When anything was last seen of it."""
    is_told: bool = False
    well_since: float | None = None


Memory = Mapping[Identity, Remembered]


@dataclass(frozen=True)
class Message:
    """A message to send, and the causes that are told by it."""

    title: str
    body: str
    is_red: bool
    severity: str
    about: tuple[Identity, ...]


def decide(standing: Iterable[Sighting], told: Memory, now: float) -> tuple[list[Message], Memory]:
    """Return the messages to send and the memory before any of them is sent; `sent` adds each that was.

    `standing` is the latest finished execution of every check and job there is.
    """
    seen = {sighting.identity: sighting for sighting in standing}
    memory: dict[Identity, Remembered] = {}
    for identity, known in told.items():
        after = _carried(known, seen.get(identity), now)
        if after:
            memory[identity] = after
    for identity in sorted(seen):
        sighting = seen[identity]
        if sighting.is_red and identity not in memory and len(memory) < MOST_REMEMBERED:
            memory[identity] = Remembered(min(sighting.since, now), sighting.at, now)
    red = [_red(seen[i], known) for i, known in memory.items() if not known.is_told and i in seen and seen[i].is_red]
    well = [_well(i, known) for i, known in memory.items() if known.is_told and _is_well(known, now)]
    red.sort(key=lambda message: (message.severity != "ERROR", message.about))
    return _few([*red, *sorted(well, key=lambda message: message.about)]), memory


def sent(memory: Memory, message: Message) -> Memory:
    """Return the memory once a message has arrived."""
    after = dict(memory)
    for identity in message.about:
        known = after.pop(identity)
        if known.well_since is None or not known.is_told:
            after[identity] = replace(known, is_told=True)
    return after


def _carried(known: Remembered, sighting: Sighting | None, now: float) -> Remembered | None:
    if sighting is not None and sighting.is_red:
        return replace(known, red_at=max(known.red_at, sighting.at), seen_at=now, well_since=None)
    if sighting is not None and sighting.at > known.red_at:
        if not known.is_told:
            return None
        since = sighting.at if known.well_since is None else known.well_since
        return replace(known, seen_at=now, well_since=min(since, now))
    return None if now - known.seen_at > FORGOTTEN_AFTER else known


def _is_well(known: Remembered, now: float) -> bool:
    return known.well_since is not None and now - known.well_since >= WELL_AFTER


def _red(sighting: Sighting, known: Remembered) -> Message:
    identity = sighting.identity
    title = f"Sequel: {identity} failed"
    said = bounded(sighting.text) or "It gave no reason."
    body = f"{said}\n\nSince: {_moment(known.since)}\nSeverity: {sighting.severity}\nNext: {hint(*identity)}"
    return Message(title, body, True, sighting.severity, (identity,))


def _well(identity: Identity, known: Remembered) -> Message:
    body = f"It was red from {_moment(known.since)} and has been well since {_moment(known.well_since or 0)}."
    return Message(f"Sequel: {identity} is well again", body, False, "", (identity,))


def _few(messages: Sequence[Message]) -> list[Message]:
    if len(messages) <= MOST_MESSAGES:
        return list(messages)
    first, rest = messages[: MOST_MESSAGES - 1], messages[MOST_MESSAGES - 1 :]
    lines = [message.title.removeprefix("Sequel: ") for message in rest]
    is_red = any(message.is_red for message in rest)
    about = tuple(identity for message in rest for identity in message.about)
    body = (
        bounded("\n".join(lines), most_lines=25)
        + "\n\nNext: open the assets' Checks tabs and the Runs page in Dagster."
    )
    severity = "ERROR" if any(message.severity == "ERROR" for message in rest) else "WARN"
    return [*first, Message(f"Sequel: {len(rest)} more changes", body, is_red, severity, about)]


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def to_cursor(memory: Memory) -> str:
    """Return the memory as the text that a sensor keeps."""
    rows = [[*i, k.since, k.red_at, k.seen_at, k.is_told, k.well_since] for i, k in sorted(memory.items())]
    return json.dumps({"version": 1, "causes": rows}, separators=(",", ":"))


def from_cursor(cursor: str | None, now: float) -> Memory:
    """Return the memory that a cursor holds; what cannot be read is dropped: its cause, if it stands, is told again."""
    if not cursor or len(cursor) > MOST_CURSOR:
        return {}
    try:
        rows = json.loads(cursor)["causes"][:MOST_REMEMBERED]
        return dict(_remembered(row, now) for row in rows)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return {}


def _remembered(row: Any, now: float) -> tuple[Identity, Remembered]:
    kind, name, check, *times, is_told, well_since = row
    since, red_at, seen_at = (float(at) for at in times)
    well = None if well_since is None else float(well_since)
    if kind not in KINDS or not isinstance(is_told, bool) or not _are_moments(since, red_at, seen_at, well or 0.0):
        raise ValueError(kind)
    known = Remembered(min(since, now), red_at, min(seen_at, now), is_told, None if well is None else min(well, now))
    return Identity(kind, str(name), str(check)), known


def _are_moments(*times: float) -> bool:
    return all(0 <= at < 1e11 for at in times)  # false of NaN too
