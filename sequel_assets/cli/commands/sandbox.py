"""`sequel-assets sandbox`: build a world, a clock and faults from the arguments, and serve them until a signal."""

from datetime import UTC, datetime

from sequel_assets.cli.support.terminal import UsageError
from sequel_assets.sandbox import (
    FAULTS,
    QUIRKS,
    Clock,
    DeliveryFaults,
    Faults,
    PortTakenError,
    Sandbox,
    Variations,
    WorldSpec,
    build_world,
    serve_forever,
)

YEARS = range(1970, 9000)
"""Of the sandbox's clock: its world reaches some years around it."""
FASTEST = 1_000_000
"""How many times as fast as real time the clock goes at most."""


def parse_time(text: str, option: str) -> datetime:
    """Return a time in UTC; one without a time zone is refused by the name of its option."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text}: it must be a time such as 2026-11-23T15:07:00Z") from None
    if parsed.tzinfo is None:
        raise UsageError(f"{option} {text}: it must have a time zone, for example a Z at its end")
    return parsed.astimezone(UTC)


def parse_faults(text: str, seed: int) -> Faults:
    """Return the faults and their rates; an unknown kind or an invalid rate is refused by name."""
    try:
        faults = Faults.parse(text, seed=seed)
    except ValueError as error:
        raise UsageError(f"--faults {text}: {error}; kinds are {', '.join(sorted([*FAULTS, *QUIRKS]))}") from None
    return faults


def serve(
    *, port: int, seed: int, companies: int, days: int, events_per_day: float, people: int, big_event: int,
    hub_only: bool, latency_ms: float, faults: str, webhook_faults: str, api: str, now: str, speed: float, verbose: bool,
) -> None:  # fmt: skip
    """Serve a synthetic world until SIGINT or SIGTERM."""
    start = parse_time(now, "--now") if now else datetime.now(UTC)
    if start.year not in YEARS:
        raise UsageError(f"--now {now}: its year must lie between {YEARS[0]} and {YEARS[-1]}")
    if speed < 0:
        raise UsageError(f"--speed {speed:g}: time cannot go backwards; 0 pins the clock, 1 is real time")
    if not speed <= FASTEST:  # also where it is no number
        raise UsageError(f"--speed {speed:g}: it must be a number up to {FASTEST:,}")
    spec = WorldSpec(
        seed=seed, companies=companies, days=days, events_per_day=events_per_day, people=people, now=start,
        big_event_people=big_event, hub_only=hub_only,
    )  # fmt: skip
    try:
        variations = Variations.parse(api)
    except ValueError as error:
        raise UsageError(f"--api {api}: {error}") from None
    clock = Clock.pinned(start) if speed == 0 else Clock(start, speed=speed)
    sandbox = Sandbox(
        build_world(spec),
        clock=clock,
        faults=parse_faults(faults, seed),
        latency_ms=latency_ms,
        port=port,
        variations=variations,
    )
    try:
        sandbox.webhooks.faults = DeliveryFaults.parse(webhook_faults, seed=seed)
    except ValueError as error:
        raise UsageError(f"--webhook-faults {webhook_faults}: {error}") from None
    try:
        serve_forever(sandbox, verbose=verbose)
    except PortTakenError as error:
        raise UsageError(f"--port {port}: {error}") from None
