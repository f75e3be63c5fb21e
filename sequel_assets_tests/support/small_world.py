"""A small world with a truth known by heart: three companies, two events, two people, three days."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sequel_assets.sandbox import Attendance, Company, Event, Person, World

NOW = datetime(2026, 3, 3, 15, 7, tzinfo=UTC)
THROUGH = datetime(2026, 3, 3, 15, tzinfo=UTC)
DAYS = [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)]
ROOT, ACME, BOLT = "root", "acme/1 %|ö", "bolt"
BOOKKEEPING_IDS = {"refreshed_at", "run_id", "since", "first_seen_at", "last_seen_at"}
PERSON_KEY = "zq-person-key-0123456789-0123456789-zq"
ZOE = Person("Zebulon Quux", "zebulon.quux@mail.example")
YVO = Person("Yvo Quux", "yvo.quux@mail.example")
SAID = ("wombats ahead", "why so many wombats", "because wombats", "how did you hear of us", "zeitung")
"""What is written in Acme's event: in the chat, as a question, as its answer, and (the sandbox's own) on registering."""
PERSONAL = ("zebulon", "quux", "mail.example", PERSON_KEY, "sandbox-secret", *SAID)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A time in March 2026, UTC."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def talk() -> dict[str, Any]:
    """A poll, a question with its answer and a message of Zebulon's."""
    zoe = {"userEmail": ZOE.email, "name": ZOE.name}
    when = {moment: f"2026-03-01T09:1{n}:00Z" for n, moment in enumerate(("askedAt", "answeredAt", "sentAt"))}
    voted = {**zoe, "optionId": "o", "answeredAt": when["answeredAt"]}
    return {
        "polls": [{"pollId": "p", "question": "Here?", "options": [{"optionId": "o", "text": "Yes"}], "answers": [voted]}],
        "questions": [
            {"questionId": "q", **zoe, "text": SAID[1], "askedAt": when["askedAt"], "answer": SAID[2],
             "answeredAt": when["answeredAt"], "upvotes": 1}
        ],
        "chat": [{"messageId": "m", **zoe, "text": SAID[0], "sentAt": when["sentAt"]}],
        "reactions": [{"emoji": "👏", "count": 2, "minute": 1}],
    }  # fmt: skip


def small_world() -> World:
    """Three companies: the root without events, Acme with a replay on the next day, Bolt with one event today.

    Acme: 1 March 30 + 10 live minutes, 2 March 12 on demand. Bolt: 3 March 20 live minutes.
    """
    return World(
        companies=[Company(ROOT, "Root"), Company(ACME, "Acme | Events", ROOT), Company(BOLT, "Bolt", ROOT)],
        events=[
            Event(
                "e-acme",
                ACME,
                "Launch",
                at(1, 9),
                at(1, 10),
                attendance=[
                    Attendance(ZOE, live=[(at(1, 9), 30)], on_demand=[(at(2, 8), 12)]),
                    Attendance(YVO, live=[(at(1, 9, 5), 10)]),
                ],
                talk=talk(),
            ),
            Event("e-bolt", BOLT, "Demo", at(3, 9), at(3, 10), attendance=[Attendance(ZOE, live=[(at(3, 9), 20)])]),
        ],
        now=NOW,
    )
