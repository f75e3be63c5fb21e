"""The oracle of event details and lists: every row, made the obvious way from the sandbox's world, without our code."""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sequel_assets.sandbox import HUB, Attendance, Event, Person, World
from sequel_assets_tests.support.reference.hosts import hosts_of

COLUMNS = {
    "event_activity": ("company_id", "day", "event_id", "person_id", "entries", "attended", "viewed_replay",
                       "live_minutes", "on_demand_minutes", "comments", "polls", "questions", "circles",
                       "registered_at"),
    "activity_totals": ("company_id", "day", "event_id", "total_count"),
    "polls": ("company_id", "day", "event_id", "poll_id", "position", "question"),
    "poll_options": ("company_id", "day", "event_id", "poll_id", "option_id", "position", "text"),
    "poll_answers": ("company_id", "day", "event_id", "poll_id", "position", "person_id", "option_id",
                     "is_listed_option", "answered_at", "answer_text"),
    "questions": ("company_id", "day", "event_id", "question_id", "person_id", "text", "asked_at", "answer",
                  "answered_at", "upvotes"),
    "chat_messages": ("company_id", "day", "event_id", "message_id", "position", "person_id", "text", "sent_at"),
    "reactions": ("company_id", "day", "event_id", "emoji", "minute", "count"),
    "replays": ("company_id", "day", "event_id", "position", "is_available", "is_downloadable", "download_status"),
    "registrants": ("company_id", "event_id", "person_id", "has_join_link"),
    "hub_participants": ("company_id", "event_id", "person_id", "entries"),
    "hub_rooms": ("company_id", "event_id", "position", "name", "max_slots"),
    "event_hosts": ("company_id", "event_id", "person_id", "role", "has_email"),
}  # fmt: skip
LISTS = ("registrants", "hub_participants", "hub_rooms", "event_hosts")
SLICED = tuple(name for name in COLUMNS if name not in (*LISTS, "activity_totals"))
LATELY = timedelta(days=30)
Tables = dict[str, list[tuple[Any, ...]]]
Hash = Callable[[str], str]


def expected_details(
    world: World, owners: dict[str, str], days: Collection[date], now: datetime, top: datetime, hashed: Hash
) -> Tables:
    """Return every row of every table, after these days were refreshed in full at `now`; `hashed` makes a person's id."""
    tables: Tables = {name: [] for name in COLUMNS}
    for event_id, company in owners.items():
        event = world.event(event_id)
        assert event is not None
        if event.event_type != HUB:
            _add_hosts(tables, company, event, hashed)
        if event.event_type != HUB and event.starts_at.astimezone(UTC).date() in days:
            _add_activity(tables, world, company, event, now, top, hashed)
            _add_talk(tables, company, event, top, hashed)
            _add_replays(tables, company, event, now)
        if event.event_type != HUB and _is_requested(event, days, now):
            _add_registrants(tables, company, event, hashed)
            if event.hub_id in owners:
                _add_hub(
                    tables, world, owners[event.hub_id], event.hub_id, top, hashed, company == owners[event.hub_id]
                )
    return {name: sorted(set(rows), key=repr) for name, rows in tables.items()}


def people_of_details(
    world: World, owners: dict[str, str], days: Collection[date], now: datetime, top: datetime, hashed: Hash
) -> list[tuple[str, str, date, str, str | None]]:
    """Return (company, person, day named, name, e-mail) of everybody that the extras name."""
    found = []
    for event_id, company in owners.items():
        event = world.event(event_id)
        assert event is not None
        if event.event_type == HUB:
            linked = [e for e in world.events if e.hub_id == event_id and owners.get(e.id) == company]
            if any(_is_requested(e, days, now) for e in linked):
                found += [
                    (company, hashed(row.person.key(event_id)), date(1, 1, 1), _text(row.name), row.person.email)
                    for row in event.rows
                    if _is_in_hub(row, top) and (row.person.email or _text(row.name))
                ]
            continue
        for entries in hosts_of(event).values():
            found += [
                (company, hashed(key), date(1, 1, 1), name, key if kind == "email" else None)
                for kind, key, name in entries or ()
                if kind == "email" or name
            ]
        everybody = [(row.person, _text(row.name)) for row in event.rows] + [(p, p.name) for p in event.absentees]
        listed = _listed(event, now)
        day = event.starts_at.astimezone(UTC).date()
        for person, name in everybody:
            if day in days and person.key(event.id) in listed and (person.email or name):
                found.append((company, hashed(person.key(event_id)), day, name, person.email))
            if _is_requested(event, days, now) and person.email:
                found.append((company, hashed(person.key(event_id)), date(1, 1, 1), name, person.email))
    return found


def _is_requested(event: Event, days: Collection[date], now: datetime) -> bool:
    return event.starts_at.astimezone(UTC).date() in days or max(event.starts_at, event.ends_at) >= now - LATELY


def _text(name: object) -> str:
    return name.strip() if isinstance(name, str) else ""


def _start(company: str, event: Event) -> tuple[str, date, str]:
    return (company, event.starts_at.astimezone(UTC).date(), event.id)


def _minutes(watched: Collection[tuple[int, int]], top: datetime) -> int:
    end = int(top.timestamp()) // 60
    return len({minute for first, stop in watched for minute in range(first, stop) if minute < end})


def _listed(event: Event, now: datetime) -> set[str]:
    """Return whom the activity lists: everybody but those who will only register later."""
    people = [*(row.person for row in event.rows), *event.absentees]
    later = {p.key(event.id) for p in people if (at := event.registered_at(p)) is not None and at > now}
    return {person.key(event.id) for person in people} - later


def _add_activity(
    tables: Tables, world: World, company: str, event: Event, now: datetime, top: datetime, hashed: Hash
) -> None:
    entries: dict[str, list[Attendance | Person]] = defaultdict(list)
    for row in event.rows:
        entries[row.person.key(event.id)].append(row)
    for absentee in event.absentees:
        entries[absentee.key(event.id)].append(absentee)
    listed = _listed(event, now)
    said = _said(event, top)
    hub = world.event(event.hub_id) if event.hub_id else None
    met = {row.person.email for row in hub.rows if _is_in_hub(row, top) and row.person.email} if hub else set()
    for key in listed:
        theirs = entries[key]
        rows = [entry for entry in theirs if isinstance(entry, Attendance)]
        live, on_demand = (sum(_minutes(getattr(row, kind), top) for row in rows) for kind in ("live", "on_demand"))
        count = {
            what: sum(1 for by in said if by[0] == what and any(_spelt(by[1:], row) for row in rows))
            for what in ("chat", "polls", "questions")
        }
        circles = sum(1 for entry in theirs if _person(entry).email in met)
        tables["event_activity"].append(
            (*_start(company, event), hashed(key), len(theirs), live > 0, on_demand > 0, live, on_demand,
             count["chat"], count["polls"], count["questions"], circles, event.registered_at(_person(theirs[0])))
        )  # fmt: skip
    tables["activity_totals"].append((*_start(company, event), sum(len(entries[key]) for key in listed)))


def _person(entry: Attendance | Person) -> Person:
    return entry if isinstance(entry, Person) else entry.person


def _spelt(who: tuple[Any, Any], row: Attendance) -> bool:
    shown = tuple(value if isinstance(value, str) else None for value in (row.email, row.name))
    return who == shown


def _talk(event: Event) -> dict[str, Any]:
    return event.talk(event) if callable(event.talk) else event.talk or {}


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _said(event: Event, top: datetime) -> list[tuple[str, Any, Any]]:
    """Return (what, e-mail, name) of every answer, question and message before the top of the hour."""
    talk = _talk(event)
    told = [("polls", answer, "answeredAt") for poll in talk.get("polls", []) for answer in poll["answers"]]
    told += [("questions", question, "askedAt") for question in talk.get("questions", [])]
    told += [("chat", message, "sentAt") for message in talk.get("chat", [])]
    return [
        (what, thing.get("userEmail"), thing.get("name")) for what, thing, at in told if (_time(thing[at]) or top) < top
    ]


def _who(event: Event, thing: dict[str, Any], hashed: Hash) -> str | None:
    email = unicodedata.normalize("NFC", (thing.get("userEmail") or "").strip()).lower()
    name = (thing.get("name") or "").strip()
    if not email and not name:
        return None
    return hashed(email or f"\0{event.id}\0{name.lower()}")


def _add_talk(tables: Tables, company: str, event: Event, top: datetime, hashed: Hash) -> None:
    talk, start = _talk(event), _start(company, event)
    for position, poll in enumerate(talk.get("polls", []), start=1):
        tables["polls"].append((*start, poll["pollId"], position, poll["question"]))
        options = [option["optionId"] for option in poll["options"]]
        for place, option in enumerate(poll["options"], start=1):
            tables["poll_options"].append((*start, poll["pollId"], option["optionId"], place, option["text"]))
        answers = [answer for answer in poll["answers"] if (_time(answer["answeredAt"]) or top) < top]
        for place, answer in enumerate(sorted(answers, key=lambda a: a["answeredAt"]), start=1):
            chosen = answer["optionId"]
            tables["poll_answers"].append(
                (*start, poll["pollId"], place, _who(event, answer, hashed), chosen if chosen in options else "",
                 chosen in options, _time(answer["answeredAt"]), None if chosen in options else chosen)
            )  # fmt: skip
    for asked in talk.get("questions", []):
        if (_time(asked["askedAt"]) or top) < top:
            tables["questions"].append(
                (*start, asked["questionId"], _who(event, asked, hashed), asked["text"], _time(asked["askedAt"]),
                 asked.get("answer"), _time(asked.get("answeredAt")), asked.get("upvotes"))
            )  # fmt: skip
    messages = [message for message in talk.get("chat", []) if (_time(message["sentAt"]) or top) < top]
    for place, message in enumerate(sorted(messages, key=lambda m: m["sentAt"]), start=1):
        who = _who(event, message, hashed)
        row = (*start, message["messageId"], place, who, message["text"], _time(message["sentAt"]))
        tables["chat_messages"].append(row)
    counts: dict[tuple[str, int], int] = defaultdict(int)
    for reaction in talk.get("reactions", []):
        if event.starts_at + timedelta(minutes=reaction["minute"]) < top:
            counts[reaction["emoji"], reaction["minute"]] += reaction["count"]
    tables["reactions"] += [(*start, emoji, minute, count) for (emoji, minute), count in counts.items()]


def _add_replays(tables: Tables, company: str, event: Event, now: datetime) -> None:
    if event.is_replay_enabled and event.has_started and event.ends_at <= now:
        tables["replays"].append((*_start(company, event), 1, True, True, "ready"))


def _add_registrants(tables: Tables, company: str, event: Event, hashed: Hash) -> None:
    emails = {row.person.email for row in event.rows} | {person.email for person in event.absentees}
    tables["registrants"] += [(company, event.id, hashed(email), True) for email in emails if email]


def _add_hosts(tables: Tables, company: str, event: Event, hashed: Hash) -> None:
    found = hosts_of(event)
    for role, entries in found.items():
        for kind, key, _ in entries or ():
            if kind != "unknown":
                tables["event_hosts"].append((company, event.id, hashed(key), role, kind == "email"))


def _is_in_hub(row: Attendance, top: datetime) -> bool:
    return bool(row.live) and row.live[0][0] < int(top.timestamp()) // 60


def _add_hub(
    tables: Tables, world: World, company: str, hub_id: str, top: datetime, hashed: Hash, is_own: bool
) -> None:
    hub = world.event(hub_id)
    if hub is None or not is_own:
        return
    entries: dict[str, int] = defaultdict(int)
    for row in hub.rows:
        if _is_in_hub(row, top):
            entries[row.person.key(hub_id)] += 1
    tables["hub_participants"] += [(company, hub_id, hashed(key), count) for key, count in entries.items()]
    for place, room in enumerate(hub.rooms, start=1):
        tables["hub_rooms"].append((company, hub_id, place, room.name.strip(), room.max_slots))
