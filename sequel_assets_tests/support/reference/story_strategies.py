"""Random stories of a company for Hypothesis, and the landed rows that tell one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa
from hypothesis import strategies as st

from sequel_assets.warehouse.database import bulk
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.slices.decisions import day_end
from sequel_assets.warehouse.stores import catalog
from sequel_assets.warehouse.tables.core import (
    companies,
    event_concurrency,
    event_participants,
    events,
    metadata,
    refreshes,
)
from sequel_assets.warehouse.tables.event_details import (
    chat_messages,
    event_activity,
    poll_answers,
    polls,
    questions,
    reactions,
)
from sequel_assets_tests.support.reference.stories import (
    HUB,
    OF_EVENTS,
    STAGE,
    CompanyStory,
    Plan,
    Row,
    Seen,
    StoryPerson,
)
from sequel_assets_tests.support.rows import AT, DAY, day, hour, known_company, known_event

DAYS = [day(n) for n in range(35)]
"""The days that are refreshed: the window of an event of the first ones closes among them."""
WHO = "abc"
_moments = st.sampled_from(
    [timedelta(0), timedelta(hours=10), timedelta(hours=23, minutes=58, seconds=30, microseconds=700_000)]
)
_lengths = st.sampled_from(
    [*[timedelta(minutes=3)] * 3, timedelta(minutes=4, seconds=40), timedelta(hours=30), timedelta(0), None]
)
_counts = st.one_of(st.none(), st.integers(0, 3))
_someone = st.one_of(st.none(), st.sampled_from(WHO))


@st.composite
def stories(draw: st.DrawFn) -> CompanyStory:
    """Three events and two hubs, some without times, people in them in any minute, and what they said and did."""
    plans = {hub: Plan(hub, HUB) for hub in ("h1", "h2")}
    for event in ("e1", "e2", "e3"):
        begins = draw(st.sampled_from([0, 0, 0, 1, 1, 2, -3, 33, None]))
        starts_at = None if begins is None else at(begins) + draw(_moments)
        length = draw(_lengths)
        ends_at = None if starts_at is None or length is None else starts_at + length
        hub, is_cancelled = draw(st.sampled_from([None, "h1", "h1", "h2"])), draw(st.sampled_from([False, False, True]))
        plans[event] = Plan(event, STAGE, starts_at, ends_at, hub, is_cancelled)
    story = CompanyStory(plans, _seen(draw, plans), open_days=draw(st.sets(st.sampled_from(DAYS[:4]), max_size=2)))
    dated = [event for event, plan in plans.items() if plan.day is not None]
    days = sorted({plan.day for plan in plans.values() if plan.day is not None})
    choices = [(dataset, on) for dataset in OF_EVENTS for on in days]
    story.untold = set(draw(st.lists(st.sampled_from(choices), max_size=4))) if choices else set()

    def of(dataset: str) -> list[str]:
        return [event for event in dated if story.is_answered(dataset, plans[event])]

    entries = st.builds(
        StoryPerson, st.sampled_from([True, True, True, False]), _counts, _counts, _counts, _counts, _counts
    )
    if told := of("event_activity"):
        story.activity = draw(
            st.dictionaries(st.tuples(st.sampled_from(told), st.sampled_from(WHO)), entries, max_size=8)
        )
        for (event, who), entry in story.activity.items():
            late = draw(st.sampled_from([0, 0, 0, 1, 2, 29, 30, 31]))
            start_day = plans[event].day
            if entry.registered and late and start_day is not None:
                story.activity[event, who] = replace(entry, registered_on=start_day + timedelta(days=late))
    if told := of("polls"):
        story.polls = sorted(draw(st.sets(st.tuples(st.sampled_from(told), st.sampled_from("pq")), max_size=4)))
    if told := of("poll_answers"):
        story.answers = draw(st.lists(st.tuples(st.sampled_from(told), st.sampled_from("pq"), _someone), max_size=6))
    if told := of("questions"):
        story.questions = draw(st.lists(st.tuples(st.sampled_from(told), _someone, st.booleans()), max_size=4))
    if told := of("chat_messages"):
        story.chat = draw(st.lists(st.tuples(st.sampled_from(told), _someone), max_size=6))
    if told := of("reactions"):
        story.reactions = draw(st.lists(st.tuples(st.sampled_from(told), st.integers(0, 9)), max_size=3))
    return story


def _seen(draw: st.DrawFn, plans: dict[str, Plan]) -> list[Seen]:
    spells = st.tuples(
        st.sampled_from(sorted(plans)), st.sampled_from(WHO), st.sampled_from([0, 0, 0, 1, 1, 2, 2, 30, 31, 33]),
        st.sampled_from([0, 600, 1438]), st.integers(1, 4), st.sampled_from(["live", "live", "live", "on demand", "both"]),
    )  # fmt: skip
    minutes: dict[tuple[str, str, datetime], tuple[bool, bool]] = {}
    for event, who, number, minute, length, kind in draw(st.lists(spells, min_size=3, max_size=16)):
        is_hub = plans[event].event_type == HUB
        for step in range(length):
            key = (event, who, at(number) + timedelta(minutes=minute + step))
            live, on_demand = minutes.get(key, (False, False))
            minutes[key] = (live or is_hub or kind != "on demand", on_demand or (kind != "live" and not is_hub))
    return [Seen(event, who, moment, *how) for (event, who, moment), how in minutes.items()]


def at(number: int) -> datetime:
    """The beginning of a day."""
    return datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) + timedelta(days=number)


def store_story(warehouse: Warehouse, story: CompanyStory, days: Sequence[date] = DAYS) -> None:
    """Store a story as it would be landed, in a warehouse that is emptied of everything else."""
    told = {table: [tuple(row) for row in rows] for table, rows in _landed(story).items()}
    known = [
        known_event(
            p.event_id,
            event_type=p.event_type,
            starts_at=p.starts_at,
            ends_at=p.ends_at,
            networking_hub_id=p.hub_id,
            is_cancelled=p.is_cancelled,
        )
        for p in story.plans.values()
    ]
    starts = {plan.day for plan in story.plans.values() if plan.day is not None}
    slices = [(name, on) for name in (event_participants.name, event_concurrency.name) for on in days]
    slices += [(name, on) for name in OF_EVENTS for on in {*days, *starts} if (name, on) not in story.untold]
    with warehouse.write(story.company_id) as connection:
        for table in reversed(metadata.sorted_tables):
            if table in told or table in (companies, events, refreshes):
                connection.execute(table.delete())
        catalog.save_companies(connection, [known_company(story.company_id)], at=AT)
        catalog.save_events(connection, story.company_id, known)
        for table, rows in told.items():
            bulk.insert(connection, table, rows)
        bulk.insert(
            connection,
            refreshes,
            [
                (
                    story.company_id,
                    name,
                    on,
                    AT,
                    hour(0),
                    None if on in story.open_days else day_end(on),
                    False,
                    0,
                    "",
                    None,
                    None,
                    None,
                )
                for name, on in slices
            ],
        )


def _landed(story: CompanyStory) -> dict[sa.Table, list[Row]]:
    """Return the rows of each landed table; of what is told of events, without what nobody asks about."""
    facts: dict[Row, list[Seen]] = defaultdict(list)
    watching: Counter[Row] = Counter()
    for m in story.seen:
        facts[m.at.date(), m.event_id, m.person, story.plans[m.event_id].event_type].append(m)
        if m.live and story.plans[m.event_id].event_type == STAGE:
            watching[m.at.date(), m.event_id, m.at] += 1

    def registered_at(event: str, entry: StoryPerson) -> datetime | None:
        """The last moment of the day, or some days before the event's."""
        before = story.plans[event].starts_at
        if not entry.registered or before is None:
            return None
        late = entry.registered_on
        if late is None:
            return before - timedelta(days=3)
        return datetime(late.year, late.month, late.day, 23, 59, 59, 999_999, tzinfo=UTC)

    def of(table: sa.Table, event: str, **values: object) -> Row:
        known = {"company_id": story.company_id, "day": story.plans[event].day, "event_id": event, **values}
        return tuple(known.get(name) for name in table.columns.keys())  # noqa: SIM118 - a collection of columns

    return {
        event_participants: [
            (story.company_id, *key, sum(m.live for m in group), sum(m.on_demand for m in group), len(group))
            for key, group in facts.items()
        ],
        event_concurrency: [(story.company_id, *key, users) for key, users in watching.items()],
        event_activity: [
            of(event_activity, event, person_id=who, entries=1, registered_at=registered_at(event, e), comments=e.comments,
               polls=e.polls, questions=e.questions, messages_reactions=e.messages_reactions, circles=e.circles)
            for (event, who), e in story.activity.items()
        ],
        polls: [of(polls, event, poll_id=poll, position=1, question="?") for event, poll in story.polls],
        poll_answers: [
            of(poll_answers, event, poll_id=poll, position=n, person_id=who, option_id="o", is_listed_option=True)
            for n, (event, poll, who) in enumerate(story.answers)
        ],
        questions: [
            of(questions, event, question_id=str(n), person_id=who, text="?", answer="!" if answered else None)
            for n, (event, who, answered) in enumerate(story.questions)
        ],
        chat_messages: [
            of(chat_messages, event, message_id=str(n), position=n, person_id=who, text="hello")
            for n, (event, who) in enumerate(story.chat)
        ],
        reactions: [
            of(reactions, event, emoji="👏", minute=n, count=count) for n, (event, count) in enumerate(story.reactions)
        ],
    }  # fmt: skip
