"""An event with a poll, a message and a registrant, for the tests of event details."""

from __future__ import annotations

from typing import Any

from sequel_assets.sandbox import Attendance, Event, Person
from sequel_assets_tests.support.harness import ADA, BO, at, event

TALK: dict[str, Any] = {
    "polls": [{
        "pollId": "p", "question": "Why?", "options": [{"optionId": "a", "text": "So"}],
        "answers": [{"userEmail": "ada@example.org", "name": "Ada", "optionId": "a", "answeredAt": "2026-03-03T09:05:00Z"}],
    }],
    "questions": [],
    "chat": [{"messageId": "m", "userEmail": "bo@example.org", "name": "Bo", "text": "hi", "sentAt": "2026-03-03T09:01:00Z"}],
    "reactions": [{"emoji": "👏", "count": 2, "minute": 1}],
}  # fmt: skip


def talking(event_id: str = "e", on: int = 3, **more: Any) -> Event:
    """Return an event with a poll, a message and a registrant who never came."""
    rows = [Attendance(ADA, live=[(at(on), 30)]), Attendance(BO, live=[(at(on), 9)])]
    return event(event_id, "kid", at(on), rows, talk=TALK, absentees=[Person("Cy", "cy@example.org")], **more)
