"""What people say in a generated event: polls, questions, chat, reactions. In the shape that the sandbox answers."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from sequel_assets.sandbox.world import spans
from sequel_assets.sandbox.world.truth import Attendance, Event

SAID = (
    "Great session!",
    "Wie lange läuft das noch?",
    "Is there a recording?",
    "👍🏽",
    "the audio is too quiet :(",
    "Merci ",
    "¿Habrá grabación?",
    "とても参考になりました",
    "很有帮助,谢谢!",
    "شكرا جزيلا",
    "תודה רבה",
    "Большое спасибо!",
    "बहुत अच्छा",
    "ขอบคุณมาก",
    "Çok güzel, teşekkürler",
    "정말 좋아요",
    "Onwijs goed verhaal",
    "a line\nand another\tone",
)
"""What people write, in many languages."""
JOINED_EMOJI = "👩🏽‍❤️‍💋‍👨🏿"  # ten code points and a variation selector
EMOJI = ("👏", "❤️", "🎉", JOINED_EMOJI)
WITHOUT_TALK = 0.12
"""The share of events in which nobody says a word, though people are there."""


def talk_of(event: Event) -> dict[str, Any]:
    """Polls with answers, questions, chat and reactions of an event's live viewers, drawn from the event's id."""
    rng = random.Random(f"talk/{event.id}")
    if rng.random() < WITHOUT_TALK:
        return {}
    viewers = [row for row in event.rows if row.live]
    options = [{"optionId": f"o{i}", "text": text} for i, text in enumerate(("Yes", "No", "Vielleicht"))]
    answers = [
        {**_who(row), "optionId": rng.choice(options)["optionId"], "answeredAt": _watched_time(rng, row)}
        for row in viewers
        if rng.random() < 0.5
    ]
    return {
        "polls": [{"pollId": "p1", "question": "Was this useful?", "options": options, "answers": answers}],
        "questions": [
            {
                "questionId": f"q{i}",
                **_who(row),
                "text": "What does it cost?",
                "askedAt": _watched_time(rng, row),
                **({"answer": "See the price list.", "answeredAt": _watched_time(rng, row)} if i % 3 == 0 else {}),
                "upvotes": i % 4,
            }
            for i, row in enumerate(viewers)
            if rng.random() < 0.1
        ],
        "chat": [
            {"messageId": f"m{i}", **_who(row), "text": rng.choice(SAID), "sentAt": _watched_time(rng, row)}
            for i, row in enumerate(viewers)
            if rng.random() < 0.4
        ],
        "reactions": [{"emoji": rng.choice(EMOJI), "count": rng.randint(1, 9), "minute": 5 * i} for i in range(4)]
        if viewers
        else [],
    }


def talk_before(event: Event, before: datetime) -> dict[str, Any]:
    """What had been said before a time; an event without talk has empty lists."""
    said = _said(event)
    limit, start = before.strftime("%Y-%m-%dT%H:%M:%SZ"), spans.minute_of(event.starts_at)
    return {
        "polls": [
            {**poll, "answers": [answer for answer in poll["answers"] if answer["answeredAt"] < limit]}
            for poll in said.get("polls", [])
        ],
        "questions": [question for question in said.get("questions", []) if question["askedAt"] < limit],
        "chat": [message for message in said.get("chat", []) if message["sentAt"] < limit],
        "reactions": [
            reaction for reaction in said.get("reactions", []) if start + reaction["minute"] < spans.minute_of(before)
        ],
    }


def counts_before(event: Event, before: datetime) -> dict[tuple[str | None, str | None], Counter[str]]:
    """How often each (e-mail, name) as shown wrote, answered and asked before a time."""
    said = talk_before(event, before)
    things = [("polls", answer) for poll in said["polls"] for answer in poll["answers"]]
    things += [(what, thing) for what in ("questions", "chat") for thing in said[what]]
    counts: dict[tuple[str | None, str | None], Counter[str]] = {}
    for what, thing in things:
        counts.setdefault((thing.get("userEmail"), thing.get("name")), Counter())[what] += 1
    return counts


_CACHE: WeakKeyDictionary[Event, tuple[int, dict[str, Any]]] = WeakKeyDictionary()
"""What was made up of an event's rows as they are: its version, and what people said."""


def _said(event: Event) -> dict[str, Any]:
    if not callable(event.talk):
        return event.talk or {}
    kept = _CACHE.get(event)
    if kept is None or kept[0] != event.version:
        kept = _CACHE[event] = (event.version, event.talk(event))
    return kept[1]


def _who(row: Attendance) -> dict[str, Any]:
    shown = {"userEmail": row.email, "name": row.name}
    return {field: text for field, text in shown.items() if isinstance(text, str) or text is None}


def _watched_time(rng: random.Random, row: Attendance) -> str:
    first, end = row.live[0]
    return spans.datetime_of(rng.randrange(first, end)).strftime("%Y-%m-%dT%H:%M:%SZ")
