"""The oracle of the insights about events and people: each computed the obvious way from who was where in which minute.

Slow and plain on purpose; it shares no code with the platform. A `Story` is what is true of one company; the functions
return the rows that each table must hold for the days that are asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from sequel_assets_tests.support.reference.stories import HUB, STAGE, WINDOW, CompanyStory, Plan, Row, Seen


def rounded(part: int, whole: int | None, times: int = 1) -> float | None:
    """Return times * part / whole with two decimals, halves up; None without a whole."""
    if not whole:
        return None
    return float((Decimal(times * part) / Decimal(whole)).quantize(Decimal("0.01"), ROUND_HALF_UP))


def statistics(story: CompanyStory, days: Collection[date], start: date) -> list[Row]:
    """Return the rows of event_statistics."""
    return sorted(
        row
        for day in days
        for plan in story.open_on(day)
        for row in [_statistics(story, plan, day, start)]
        if row[8] or story.entries(plan.event_id)
    )


def _statistics(story: CompanyStory, plan: Plan, day: date, start: date) -> Row:
    event, planned = plan.event_id, plan.minutes
    minutes = story.until(event, start, day)
    live = {who: sum(m.live for m in minutes if m.person == who) for who in {m.person for m in minutes if m.live}}
    everybody = {m.person for m in minutes}
    registered = story.registered(plan, day)
    nobody_yet = not live and (plan.is_cancelled or (plan.day == day and day in story.open_days))
    polls = sum(of == event for of, _ in story.polls)
    voters = {who for of, _, who in story.answers if of == event and who is not None}
    watching: dict[datetime, int] = {}
    for minute in minutes:
        if minute.live:
            watching[minute.at] = watching.get(minute.at, 0) + 1
    peak = max(watching.values(), default=None)

    def number_if_answered(dataset: str, number: int) -> int | None:
        return number if story.is_answered(dataset, plan) else None

    chat = number_if_answered("chat_messages", sum(of == event for of, _ in story.chat))
    return (
        story.company_id, day, event, plan.is_cancelled, planned,
        sum(m.live for m in minutes), sum(m.on_demand for m in minutes), len(minutes), len(everybody),
        rounded(len(minutes), len(everybody)), len(live), len(everybody - live.keys()),
        None if registered is None else len(registered),
        None if registered is None or nobody_yet else rounded(len(registered & live.keys()), len(registered), 100),
        None if planned is None else rounded(sum(min(n, planned) for n in live.values()), len(live) * planned, 100),
        peak, min((at for at, users in watching.items() if users == peak), default=None),
        number_if_answered("polls", polls),
        number_if_answered("poll_answers", len(voters)),
        rounded(len(voters & live.keys()), len(live), 100) if polls and story.is_answered("poll_answers", plan) else None,
        number_if_answered("questions", sum(of == event for of, *_ in story.questions)),
        number_if_answered("questions", sum(of == event and answered for of, _, answered in story.questions)),
        chat, None if chat is None or planned is None else rounded(chat, planned),
        number_if_answered("reactions", sum(count for of, count in story.reactions if of == event)),
        plan.day is not None and day == plan.day + WINDOW, False,
    )  # fmt: skip


def retention(story: CompanyStory, days: Collection[date], start: date) -> list[Row]:
    """Return the rows of event_retention."""
    rows = []
    for plan in story.plans.values():
        for day in days if plan.event_type == STAGE else ():
            watching: dict[datetime, int] = {}
            for minute in story.until(plan.event_id, start, day):
                if minute.live:
                    watching[minute.at] = watching.get(minute.at, 0) + 1
            peak = max(watching.values(), default=0)
            for at, users in watching.items():
                if at.date() == day:
                    place = None
                    if plan.starts_at is not None:
                        place = int(at.timestamp()) // 60 - int(plan.starts_at.timestamp()) // 60
                    rows.append((story.company_id, day, plan.event_id, at, place, users, rounded(users, peak, 100)))
    return sorted(rows)


def engagement(story: CompanyStory, days: Collection[date], start: date) -> list[Row]:
    """Return the rows of person_engagement."""
    rows = []
    for plan in story.plans.values():
        if plan.event_type != STAGE:
            continue
        entries = {
            who: entry
            for who, entry in story.entries(plan.event_id).items()
            if entry.registered and plan.day is not None and (entry.registered_on or plan.day) >= start
        }
        for day in days:
            own = story.until(plan.event_id, start, day)
            met = []
            if plan.hub_id is not None and plan.day is not None:
                met = [m for m in story.until(plan.hub_id, start, day) if plan.day <= m.at.date() <= plan.day + WINDOW]
            active = {m.person for m in [*own, *met] if m.at.date() == day}
            active |= {who for who, entry in entries.items() if (entry.registered_on or plan.day) == day}
            for who in active:
                mine, mine_met = [m for m in own if m.person == who], [m for m in met if m.person == who]
                rows.append(_engagement(story, plan, day, who, mine, mine_met))
    return sorted(rows)


def _engagement(story: CompanyStory, plan: Plan, day: date, who: str, own: list[Seen], met: list[Seen]) -> Row:
    live, planned = sum(m.live for m in own), plan.minutes
    seen = sorted(m.at.date() for m in [*own, *met])
    is_open = plan.day is not None and plan.day <= day
    entry = story.entries(plan.event_id).get(who) if is_open else None
    registered = story.registered(plan, day)

    def larger(dataset: str, told: int, counted: int | None) -> int | None:
        numbers = [told] if is_open and story.is_answered(dataset, plan) else []
        numbers += [counted] if counted is not None else []
        return max(numbers, default=None)

    event = plan.event_id
    return (
        story.company_id, day, event, who, live, sum(m.on_demand for m in own), len(own),
        None if planned is None else rounded(min(live, planned), planned, 100),
        len(met), live > 0, None if entry is None or registered is None else who in registered,
        seen[0] if seen else None, seen[-1] if seen else None,
        larger("chat_messages", sum(told == (event, who) for told in story.chat), entry.comments if entry else None),
        larger("poll_answers", len({poll for of, poll, by in story.answers if (of, by) == (event, who)}), entry.polls if entry else None),
        larger("questions", sum((of, by) == (event, who) for of, by, _ in story.questions), entry.questions if entry else None),
        entry.messages_reactions if entry else None, entry.circles if entry else None,
    )  # fmt: skip


def history(story: CompanyStory, days: Collection[date], start: date) -> list[Row]:
    """Return the rows of person_history."""
    rows = []
    for day in days:
        for who in {m.person for m in story.seen if m.at.date() == day}:
            mine = [m for m in story.seen if m.person == who and start <= m.at.date() <= day]
            on = sorted({m.at.date() for m in mine})
            rows.append((
                story.company_id, day, who, sum(m.live for m in mine), sum(m.on_demand for m in mine), len(mine),
                sum(story.plans[m.event_id].event_type == HUB for m in mine), len({m.event_id for m in mine}),
                len(on), on[0], on[-2] if len(on) > 1 else None, start,
            ))  # fmt: skip
    return sorted(rows)


def networking(story: CompanyStory, days: Collection[date], start: date) -> list[Row]:
    """Return the rows of networking."""
    rows = []
    for hub in [p.event_id for p in story.plans.values() if p.event_type == HUB]:
        linked = [p.event_id for p in story.plans.values() if p.hub_id == hub]
        for day in days:
            until = story.until(hub, start, day)
            today = [m for m in until if m.at.date() == day]
            here = {m.person for m in today}
            before = {m.person for m in until if m.at.date() < day}
            came = {m.person for event in linked for m in story.until(event, start, day)}
            if here:
                rows.append((
                    story.company_id, day, hub, len(here), len(today), rounded(len(today), len(here)),
                    sum(a < b for a in here for b in here), len(here & before), len(here | before), len(came),
                    len(came & (here | before)), rounded(len(came & (here | before)), len(came), 100), False,
                ))  # fmt: skip
    return sorted(rows)


def funnel(story: CompanyStory, days: Collection[date], start: date) -> list[Row]:
    """Return the rows of funnel."""
    found = (
        _funnel(story, plan, day, start)
        for day in days
        for plan in story.open_on(day)
    )  # fmt: skip
    return sorted(row for row in found if row[4] + row[8] or story.entries(row[2]))


def _funnel(story: CompanyStory, plan: Plan, day: date, start: date) -> Row:
    event, planned = plan.event_id, plan.minutes
    minutes = [m for m in story.until(event, start, day) if m.live]
    live = {who: sum(m.person == who for m in minutes) for who in {m.person for m in minutes}}
    registered = story.registered(plan, day)
    attended = set(live) if registered is None else set(live) & registered
    stayed = attended if planned is None else {who for who in attended if live[who] * 2 >= planned}
    took_part = {by for of, _, by in story.answers if of == event} | {
        by for of, by, _ in story.questions if of == event
    }
    took_part |= {who for who, entry in story.entries(event).items() if (entry.questions or 0) + (entry.polls or 0) > 0}
    is_told = any(story.is_answered(dataset, plan) for dataset in ("questions", "poll_answers")) or any(
        (entry.questions, entry.polls) != (None, None) for entry in story.entries(event).values()
    )
    asked = stayed & took_part
    assert plan.day is not None
    again = {
        m.person
        for m in story.seen
        if m.event_id != event
        and story.plans[m.event_id].event_type == STAGE
        and max(plan.day + timedelta(days=1), start) <= m.at.date() <= min(day, plan.day + WINDOW)
    }
    return (
        story.company_id, day, event, None if registered is None else len(registered), len(attended),
        None if planned is None else len(stayed), len(asked) if is_told else None, len(asked & again) if is_told else None,
        len(live) - len(attended), day == plan.day + WINDOW,
    )  # fmt: skip


TABLES: dict[str, Callable[[CompanyStory, Collection[date], date], Sequence[Row]]] = {
    "event_statistics": statistics,
    "event_retention": retention,
    "person_engagement": engagement,
    "person_history": history,
    "networking": networking,
    "funnel": funnel,
}
"""What each table must hold: (story, days, start of history) -> rows, sorted."""
