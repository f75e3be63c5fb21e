"""Which alerts are to be sent: a pure decision over what is red now, what has been reported, and the time.

An incident is a check that is red, of any number of datasets, or a job whose latest finished run failed. It is reported
once, however often it is observed, however its text changes and whichever datasets join it, and once more when all of
them have been well for ten minutes. What is not observed any more (its run was deleted, its check removed) is neither
red nor well: it is kept for a week, or until the rest of its incident is well, and then dropped without a message.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple

from sequel_assets.orchestration.alerts.sanitize import bounded, next_step
from sequel_assets.orchestration.namespace import BY_HAND

KINDS = ("check", "job")
WELL_AFTER = 600.0
"""Seconds that an incident must have been well before that is reported; a relapse until then is the same incident."""
FORGOTTEN_AFTER = 7 * 86400.0
MAX_MESSAGES = 5
"""Messages of one tick; all further ones share one summary."""
MAX_DATASETS = 25
"""Datasets that a message names."""
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
    def incident(self) -> tuple[str, str]:
        """What makes it the same incident: the check, of any dataset, or the job; not its text."""
        return (self.kind, self.check or self.name)

    def __str__(self) -> str:
        """Return it as it stands in a message's title."""
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
    """What is known of one identity that is red, or was when it was last reported."""

    since: float
    red_at: float
    """Its latest red execution."""
    seen_at: float
    """When it was last observed."""
    is_reported: bool = False
    well_since: float | None = None


Memory = Mapping[IncidentKey, AlertMemory]


@dataclass(frozen=True)
class Message:
    """A message to send, and the identities that it reports."""

    title: str
    body: str
    is_red: bool
    severity: str
    about: tuple[IncidentKey, ...]


def decide(standing: Iterable[Observation], reported: Memory, now: float) -> tuple[list[Message], Memory]:
    """Return the messages to send and the memory before any of them is sent; `sent` adds each that was.

    `standing` is the latest finished execution of every check and job there is.
    """
    seen = {observation.identity: observation for observation in standing}
    memory: dict[IncidentKey, AlertMemory] = {}
    for identity, known in reported.items():
        after = _carried(known, seen.get(identity), now)
        if after:
            memory[identity] = after
    for identity in sorted(seen):
        observation = seen[identity]
        if observation.is_red and identity not in memory and len(memory) < MAX_REMEMBERED:
            memory[identity] = AlertMemory(min(observation.since, now), observation.at, now)
    red: list[Message] = []
    well: list[Message] = []
    for theirs in _incidents(memory):
        reported_before = {identity: known for identity, known in theirs.items() if known.is_reported}
        new = {i: known for i, known in theirs.items() if not known.is_reported and i in seen and seen[i].is_red}
        if new and reported_before.keys() & seen.keys():  # it grows: no new message, and it is well when all are
            memory |= {identity: replace(known, is_reported=True) for identity, known in new.items()}
        elif new:
            red.append(_red([seen[identity] for identity in new], new.values()))
        elif _are_well(reported_before, seen.keys(), now):
            well.append(_well(reported_before))
    red.sort(key=lambda message: (message.severity != "ERROR", message.about))
    return _few([*red, *well]), memory


def _incidents(memory: Memory) -> Iterator[Memory]:
    """Yield what is remembered of each incident, in order."""
    for _, theirs in groupby(sorted(memory, key=lambda i: (i.incident, i)), key=lambda identity: identity.incident):
        yield {identity: memory[identity] for identity in theirs}


def sent(memory: Memory, message: Message) -> Memory:
    """Return the memory once a message has arrived."""
    after = dict(memory)
    for identity in message.about:
        known = after.pop(identity)
        if not known.is_reported:  # it was reported as red; else as well
            after[identity] = replace(known, is_reported=True)
    return after


def _carried(known: AlertMemory, observation: Observation | None, now: float) -> AlertMemory | None:
    if observation is not None and observation.is_red:
        return replace(known, red_at=max(known.red_at, observation.at), seen_at=now, well_since=None)
    if observation is not None and observation.at > known.red_at:
        if not known.is_reported:
            return None
        since = observation.at if known.well_since is None else known.well_since
        return replace(known, seen_at=now, well_since=min(since, now))
    return None if now - known.seen_at > FORGOTTEN_AFTER else known


def _are_well(reported: Memory, seen: Collection[IncidentKey], now: float) -> bool:
    """Whether an incident has been well for long enough: all that still exists, and at least one."""
    is_well = {
        identity: known.well_since is not None and now - known.well_since >= WELL_AFTER
        for identity, known in reported.items()
    }
    return any(is_well.values()) and all(is_well[identity] for identity in reported if identity in seen)


def _red(observations: Sequence[Observation], known: Iterable[AlertMemory]) -> Message:
    about = tuple(observation.identity for observation in observations)
    lines = dict.fromkeys(line for observation in observations for line in observation.text.splitlines())
    said = bounded("\n".join([*_datasets(about), *lines])) or "It gave no reason."
    severity = min((observation.severity for observation in observations), key=lambda severity: severity != "ERROR")
    since = _time(min(one.since for one in known))
    body = f"{said}\n\nSince: {since}\nSeverity: {severity}\nNext: {next_step(*about[0])}"
    return Message(f"Sequel: {_named(about)} failed", body, True, severity, about)


def _well(reported: Memory) -> Message:
    about = tuple(reported)
    since, until = (
        min(known.since for known in reported.values()),
        max(known.well_since or 0 for known in reported.values()),
    )
    times = f"It was red from {_time(since)} and has been well since {_time(until)}."
    return Message(f"Sequel: {_named(about)} is well again", "\n".join([*_datasets(about), times]), False, "", about)


def _named(about: Sequence[IncidentKey]) -> str:
    return str(about[0]) if len(about) == 1 else f"check {about[0].check} of {len(about)} datasets"


def _datasets(about: Sequence[IncidentKey]) -> list[str]:
    """Return the line that names the datasets of an incident that has several."""
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
        bounded("\n".join(lines), max_lines=25) + "\n\nNext: open the assets' Checks tabs and the Runs page in Dagster."
    )
    severity = "ERROR" if any(message.severity == "ERROR" for message in rest) else "WARN"
    return [*first, Message(f"Sequel: {len(rest)} more changes", body, is_red, severity, about)]


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def to_cursor(memory: Memory) -> str:
    """Return the memory as the text that a sensor keeps."""
    rows = [[*i, k.since, k.red_at, k.seen_at, k.is_reported, k.well_since] for i, k in sorted(memory.items())]
    return json.dumps({"version": 1, "causes": rows}, separators=(",", ":"))


def from_cursor(cursor: str | None, now: float) -> Memory:
    """Return the memory that a cursor holds.

    What cannot be read is dropped: its incident, if it is still red, is reported once more.
    """
    if not cursor or len(cursor) > MAX_CURSOR:
        return {}
    try:
        rows = json.loads(cursor)["causes"][:MAX_REMEMBERED]
        return dict(_remembered(row, now) for row in rows)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return {}


def _remembered(row: Any, now: float) -> tuple[IncidentKey, AlertMemory]:
    kind, name, check, *times, is_reported, well_since = row
    since, red_at, seen_at = (float(at) for at in times)
    well = None if well_since is None else float(well_since)
    if kind not in KINDS or not isinstance(is_reported, bool) or not _are_times(since, red_at, seen_at, well or 0.0):
        raise ValueError(kind)
    known = AlertMemory(
        min(since, now), red_at, min(seen_at, now), is_reported, None if well is None else min(well, now)
    )
    return IncidentKey(kind, str(name), str(check)), known


def _are_times(*times: float) -> bool:
    return all(0 <= at < 1e11 for at in times)  # false of NaN too
