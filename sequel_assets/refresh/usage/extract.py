"""The minutes of one event on one day, verified; and finding the days that have any."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

from sequel_assets.refresh.core.time import is_unsettled
from sequel_assets.refresh.usage.capped_lists import first_people
from sequel_assets.refresh.usage.event_client import EventClient, ParticipantList
from sequel_assets.refresh.usage.facts_of_day import NO_LIST, NOBODY, DayFacts, VerifiedList, on_both, together_of
from sequel_assets.refresh.usage.range_search import (
    Contradiction,
    EngagementType,
    Expected,
    RangeRequest,
    Span,
    Totals,
    gaps,
    plan,
)
from sequel_assets.refresh.usage.verification import DoesNotReconcile, verify


class SliceFailure(Exception):  # noqa: N818 - the word of the matter
    """One event of one day (or span) could not be verified; the text is the reason, in one line."""


class NoResponse(SliceFailure):
    """Sequel did not answer at all; requests for other days may still succeed."""


def explore(
    client: EventClient,
    span: Span,
    own: Span | None,
    *,
    clock: Callable[[], datetime],
    settle: timedelta,
    wants_witness: bool,
) -> Mapping[date, Expected | None]:
    """Return the days of a span on which the event has minutes; contradictory totals are requested once more."""
    for attempt in (1, 2):
        try:
            return _explore(client, span, own, clock, settle, wants_witness)
        except Contradiction as error:
            client.forget()
            if attempt == 2:
                reason = f"Sequel's totals contradict each other: {error}; try again after the next full hour"
                raise SliceFailure(reason) from None
    raise AssertionError("unreachable")


def _explore(
    client: EventClient,
    span: Span,
    own: Span | None,
    clock: Callable[[], datetime],
    settle: timedelta,
    wants_witness: bool,
) -> Mapping[date, Expected | None]:
    began = clock()
    totals: dict[RangeRequest, Totals] = {}
    while (step := plan(span, own, totals)).questions:
        for request in step.questions:
            totals[request] = client.totals(request)
    _confirm(client, span, step.days, totals, wants_witness=wants_witness)
    everything = RangeRequest("all", span)
    is_unsettled_now = len(totals) > 1 and is_unsettled(began, clock(), settle)
    # Where live and on-demand minutes of a day are no overlap, one total alone has decided that.
    hangs_on_all = any(day and day.live and day.on_demand and not day.overlaps for day in step.days.values())
    if (is_unsettled_now or hangs_on_all) and client.probe(everything) != totals[everything]:
        raise Contradiction(f"the numbers of {span} moved while they were requested")
    return step.days


def _confirm(
    client: EventClient,
    span: Span,
    days: Mapping[date, Expected | None],
    totals: Mapping[RangeRequest, Totals],
    *,
    wants_witness: bool,
) -> None:
    """Request every day that was only inferred: a wrong total anywhere makes some other day look empty.

    The lists are needed anyhow, and kept. Where one does not come to its totals every empty range is requested too.
    """
    for day, expected in days.items():
        inferred = {RangeRequest("live", Span(day, day)): expected.live if expected else 0}
        inferred[RangeRequest("onDemand", Span(day, day))] = expected.on_demand if expected else 0
        for request, minutes in inferred.items():
            if minutes and request not in totals and (found := client.totals(request).minutes) != minutes:
                raise Contradiction(f"{day} has {found} {request.engagement_type} minutes, {minutes} by the range")
    stretches = gaps(span, days) if days and span.days > 1 else []
    if not client.has_doubts:
        stretches = sorted(stretches, key=lambda gap: -gap.days)[: 1 if wants_witness else 0]
    for stretch in stretches:
        if client.probe(RangeRequest("all", stretch)).minutes:
            raise Contradiction(f"the days do not add up to {span}: {stretch} has minutes of its own")


def day_facts(client: EventClient, day: date, expected: Expected | None) -> DayFacts:
    """Return the verified minutes of a day; what does not fit is requested once more, by the day itself."""
    try:
        return _as_expected(client, day, expected) if expected is not None else _by_itself(client, day)
    except (Contradiction, DoesNotReconcile):
        client.forget(day)
    try:
        return _by_itself(client, day)
    except (Contradiction, DoesNotReconcile) as error:
        raise SliceFailure(str(error)) from None


def _as_expected(client: EventClient, day: date, expected: Expected) -> DayFacts:
    live = _list(client, "live", day) if expected.live else NO_LIST
    replay = _list(client, "onDemand", day) if expected.on_demand else NO_LIST
    for found, minutes in ((live, expected.live), (replay, expected.on_demand)):
        if found.totals.minutes != minutes:
            raise Contradiction(f"{day}: {found.totals.minutes} minutes listed, {minutes} by the range")
    both = on_both(live, replay)
    everybody = _list(client, "all", day) if both.unnamed or (expected.overlaps and both.emails) else None
    apart = expected.live + expected.on_demand
    if everybody and not expected.overlaps and everybody.totals.minutes != apart:
        raise Contradiction(f"{day}: {everybody.totals.minutes} minutes of all listed, {apart} by the range")
    return together_of(day, live, replay, everybody)


def _by_itself(client: EventClient, day: date) -> DayFacts:
    everything = RangeRequest("all", Span(day, day))
    expected = client.totals(everything) if client.most_users else client.probe(everything)
    if not expected.minutes:
        client.forget(day)
        return NOBODY
    live, replay = _list(client, "live", day), _list(client, "onDemand", day)
    apart = live.totals.minutes + replay.totals.minutes
    if apart < expected.minutes:
        raise Contradiction(
            f"{live.totals.minutes} live and {replay.totals.minutes} on-demand minutes "
            f"do not reach the {expected.minutes} of all"
        )
    both = on_both(live, replay)
    everybody = _list(client, "all", day) if both.unnamed or both.emails else None
    minutes = everybody.totals.minutes if everybody else apart
    if minutes != expected.minutes:
        raise Contradiction(f"all has {minutes} minutes now and had {expected.minutes}")
    client.forget(day)
    return together_of(day, live, replay, everybody)


def _list(client: EventClient, kind: EngagementType, day: date) -> VerifiedList:
    """Return a list that comes to its own totals, requested once more if the first one does not.

    Of one that Sequel caps the activity's people are taken where they come to the totals, else those that are listed.
    """
    request = RangeRequest(kind, Span(day, day))
    for attempt in (1, 2):
        fetched = client.everybody(request)
        totals = fetched.totals
        try:
            return VerifiedList(totals, tuple(verify(totals.users, totals.minutes, fetched.listed)))
        except DoesNotReconcile as error:
            if client.is_capped(fetched):
                return _capped(client, request, fetched)
            if attempt == 2:
                is_short = len(fetched.listed) < totals.users
                advice = f"; to find out: sequel-assets doctor --event {client.event.event_id}" if is_short else ""
                raise DoesNotReconcile(f"the {kind} list does not add up: {error}{advice}") from None
    raise AssertionError("unreachable")


def _capped(client: EventClient, request: RangeRequest, fetched: ParticipantList) -> VerifiedList:
    totals = fetched.totals
    try:
        people = verify(totals.users, totals.minutes, client.from_activity(request, totals))
        return VerifiedList(totals, tuple(people))
    except DoesNotReconcile:
        return VerifiedList(totals, tuple(first_people(totals, fetched.listed)), is_capped=True)
