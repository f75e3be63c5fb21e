"""Sequel's hour: how far the numbers go at a time. Pure functions of time."""

from datetime import UTC, date, datetime, timedelta


def top_of_hour(at: datetime) -> datetime:
    """Return the top of the hour at or before a time, in UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def data_through(now: datetime, settle: timedelta) -> datetime:
    """Return how far the numbers that Sequel answers now go at least: it is given `settle` to compute each hour."""
    return top_of_hour(now.astimezone(UTC) - settle)


def is_unsettled(first: datetime, last: datetime, settle: timedelta) -> bool:
    """Say whether Sequel may have recomputed between two times, so that answers from both need not fit together."""
    return top_of_hour(last) != data_through(first, settle)


def days_between(first: date, last: date) -> list[date]:
    """Return every day from first to last, both included; none when they are reversed."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
