"""Checks that are red or green at a minute, for the tests of the alerts' decisions."""

from __future__ import annotations

from sequel_assets.orchestration.alerts.decisions import (
    IncidentKey,
    Memory,
    Message,
    Observation,
    decide,
    from_cursor,
    sent,
    to_cursor,
)

START = 1_790_000_000.0


def red(
    identity: IncidentKey, at: float, text: str = "acme.3f9a1c07 2026-11-23 is late", **more: object
) -> Observation:
    return Observation(identity, True, at, more.pop("since", at), text=text, **more)  # type: ignore[arg-type]


def green(identity: IncidentKey, at: float) -> Observation:
    return Observation(identity, False, at, at)


def tick(
    standing: list[Observation], memory: Memory, now: float, *, arrives: bool = True
) -> tuple[list[Message], Memory]:
    """One tick of a sensor that is restarted after each: the memory goes through the cursor."""
    messages, after = decide(standing, from_cursor(to_cursor(memory), now), now)
    for message in messages if arrives else ():
        after = sent(after, message)
    return messages, after
