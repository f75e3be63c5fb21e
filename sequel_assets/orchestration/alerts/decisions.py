"""Which messages an alert sensor owes its owner: a pure decision over what is red now, what has been told, and the time.

A cause is a check that is red, of however many datasets, or a job whose latest finished run failed. It is told once,
however often it is seen, however its text changes and whichever datasets join it, and once more when all of them have
been well for ten minutes. What is only seen no more (its run was deleted, its check removed) is neither red nor well: it
is kept for a week, or until the rest of its cause is well, and then forgotten without a word.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple

from sequel_assets.orchestration.alerts.sanitize import bounded, hint

KINDS = ("check", "job")
WELL_AFTER = 600.0
"""Seconds that a cause must have been well before that is told; until then a relapse is the same cause."""
FORGOTTEN_AFTER = 7 * 86400.0
MAX_MESSAGES = 5
"""Messages of one tick; what is more than these shares one summary."""
MAX_DATASETS = 25
"""Datasets that a message names."""
BY_HAND = "__ASSET_JOB"
"""Dagster's name of the job of what is materialized without one."""
MAX_REMEMBERED = 500
MAX_CURSOR = 400_000
"""Characters of a cursor that are read at all."""


class IncidentKey(NamedTuple):
    """What can be red: a check of one asset, or a job."""

    kind: str
    """`check` or `job`."""
    name: str
    """The asset, or the job."""
    check: str = ""

    @property
    def cause(self) -> tuple[str, str]:
        """What makes it the same cause: the check, whatever it is of, or the job; not its text."""
        return (self.kind, self.check or self.name)

    def __str__(self) -> str:
        """Return it as a message's heading says it."""
        if self.kind == "check":
            return f"check {self.check} of {self.name}"
        return "run started by hand" if self.name == BY_HAND else f"job {self.name}"


@dataclass(frozen=True)
class Observation:
    """The latest finished execution of a check or a job; times in seconds since 1970."""

    identity: IncidentKey
    is_red: bool
    at: float
    """When it was executed."""
    since: float
    """When the first of the red executions in a row was; `at`, where it is well."""
    severity: str = "ERROR"
    text: str = ""


@dataclass(frozen=True)
class AlertMemory:
    """What is known of one identity that is red, or was when it was last told."""

    since: float
    red_at: float
    """Its latest red execution."""
    seen_at: float
    """When anything was last seen of it."""
    is_told: bool = False
    well_since: float | None = None


Memory = Mapping[IncidentKey, AlertMemory]


@dataclass(frozen=True)
class Message:
    """A message to send, and the causes that are told by it."""

    title: str
    body: str
    is_red: bool
    severity: str
    about: tuple[IncidentKey, ...]


def decide(standing: Iterable[Observation], told: Memory, now: float) -> tuple[list[Message], Memory]:
    """Return the messages to send and the memory before any of them is sent; `sent` adds each that was.

    `standing` is the latest finished execution of every check and job there is.
    """
    seen = {sighting.identity: sighting for sighting in standing}
    memory: dict[IncidentKey, AlertMemory] = {}
    for identity, known in told.items():
        after = _carried(known, seen.get(identity), now)
        if after:
            memory[identity] = after
    for identity in sorted(seen):
        sighting = seen[identity]
        if sighting.is_red and identity not in memory and len(memory) < MAX_REMEMBERED:
            memory[identity] = AlertMemory(min(sighting.since, now), sighting.at, now)
    red: list[Message] = []
    well: list[Message] = []
    for theirs in _causes(memory):
        told_of = {identity: known for identity, known in theirs.items() if known.is_told}
        untold = {i: known for i, known in theirs.items() if not known.is_told and i in seen and seen[i].is_red}
        if untold and told_of.keys() & seen.keys():  # it grows: that is no news, and it is well with the others
            memory |= {identity: replace(known, is_told=True) for identity, known in untold.items()}
        elif untold:
            red.append(_red([seen[identity] for identity in untold], untold.values()))
        elif _are_well(told_of, seen.keys(), now):
            well.append(_well(told_of))
    red.sort(key=lambda message: (message.severity != "ERROR", message.about))
    return _few([*red, *well]), memory


def _causes(memory: Memory) -> Iterator[Memory]:
    """Yield what is remembered of each cause, in order."""
    for _, theirs in groupby(sorted(memory, key=lambda i: (i.cause, i)), key=lambda identity: identity.cause):
        yield {identity: memory[identity] for identity in theirs}


def sent(memory: Memory, message: Message) -> Memory:
    """Return the memory once a message has arrived."""
    after = dict(memory)
    for identity in message.about:
        known = after.pop(identity)
        if not known.is_told:  # it was told that it is red; else that it is well
            after[identity] = replace(known, is_told=True)
    return after


def _carried(known: AlertMemory, sighting: Observation | None, now: float) -> AlertMemory | None:
    if sighting is not None and sighting.is_red:
        return replace(known, red_at=max(known.red_at, sighting.at), seen_at=now, well_since=None)
    if sighting is not None and sighting.at > known.red_at:
        if not known.is_told:
            return None
        since = sighting.at if known.well_since is None else known.well_since
        return replace(known, seen_at=now, well_since=min(since, now))
    return None if now - known.seen_at > FORGOTTEN_AFTER else known


def _are_well(told: Memory, seen: Collection[IncidentKey], now: float) -> bool:
    """Whether a cause has been well for long enough: of all that is still there, and of something."""
    is_well = {
        identity: known.well_since is not None and now - known.well_since >= WELL_AFTER
        for identity, known in told.items()
    }
    return any(is_well.values()) and all(is_well[identity] for identity in told if identity in seen)


def _red(sightings: Sequence[Observation], known: Iterable[AlertMemory]) -> Message:
    about = tuple(sighting.identity for sighting in sightings)
    lines = dict.fromkeys(line for sighting in sightings for line in sighting.text.splitlines())
    said = bounded("\n".join([*_datasets(about), *lines])) or "It gave no reason."
    severity = min((sighting.severity for sighting in sightings), key=lambda severity: severity != "ERROR")
    since = _moment(min(one.since for one in known))
    body = f"{said}\n\nSince: {since}\nSeverity: {severity}\nNext: {hint(*about[0])}"
    return Message(f"Sequel: {_named(about)} failed", body, True, severity, about)


def _well(told: Memory) -> Message:
    about = tuple(told)
    since, until = (min(known.since for known in told.values()), max(known.well_since or 0 for known in told.values()))
    times = f"It was red from {_moment(since)} and has been well since {_moment(until)}."
    return Message(f"Sequel: {_named(about)} is well again", "\n".join([*_datasets(about), times]), False, "", about)


def _named(about: Sequence[IncidentKey]) -> str:
    return str(about[0]) if len(about) == 1 else f"check {about[0].check} of {len(about)} datasets"


def _datasets(about: Sequence[IncidentKey]) -> list[str]:
    """Return the line that names the datasets of a cause that has several."""
    if len(about) == 1:
        return []
    names = [identity.name for identity in about]
    more = f" and {len(names) - MAX_DATASETS} more" if len(names) > MAX_DATASETS else ""
    return [f"Datasets: {', '.join(names[:MAX_DATASETS])}{more}"]


def _few(messages: Sequence[Message]) -> list[Message]:
    if len(messages) <= MAX_MESSAGES:
        return list(messages)
    first, rest = messages[: MAX_MESSAGES - 1], messages[MAX_MESSAGES - 1 :]
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
    if not cursor or len(cursor) > MAX_CURSOR:
        return {}
    try:
        rows = json.loads(cursor)["causes"][:MAX_REMEMBERED]
        return dict(_remembered(row, now) for row in rows)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return {}


def _remembered(row: Any, now: float) -> tuple[IncidentKey, AlertMemory]:
    kind, name, check, *times, is_told, well_since = row
    since, red_at, seen_at = (float(at) for at in times)
    well = None if well_since is None else float(well_since)
    if kind not in KINDS or not isinstance(is_told, bool) or not _are_moments(since, red_at, seen_at, well or 0.0):
        raise ValueError(kind)
    known = AlertMemory(min(since, now), red_at, min(seen_at, now), is_told, None if well is None else min(well, now))
    return IncidentKey(kind, str(name), str(check)), known


def _are_moments(*times: float) -> bool:
    return all(0 <= at < 1e11 for at in times)  # false of NaN too
