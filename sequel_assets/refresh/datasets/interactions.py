"""Polls, questions, chat and reactions of an event, tidied: each thing once, answers and messages in order of time."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from sequel_assets.refresh.datasets.endpoint import (
    REFRESHED,
    Endpoint,
    EventRequest,
    InvalidEventData,
    Rows,
    checked_key,
)
from sequel_assets.sequel import Interactions, SequelClient
from sequel_assets.sequel.endpoints.interactions import ChatMessage, Poll
from sequel_assets.warehouse.tables.dataset import Dataset, Subject
from sequel_assets.warehouse.tables.event_details import (
    chat_messages,
    poll_answers,
    poll_options,
    polls,
    questions,
    reactions,
)

T = TypeVar("T")
_TABLES_OF = {
    "polls": (polls, poll_options, poll_answers),
    "questions": (questions,),
    "chat": (chat_messages,),
    "reactions": (reactions,),
}
NO_MINUTE = -1
NO_EMOJI = "\ufffd"
_IN_EMOJI = frozenset("\u200d\u2139\u24c2" + "".join(map(chr, range(0xE0020, 0xE0080))))
"""Joiner, two emoji that are letters, and the tags of flags."""
_KEYCAP = re.compile("[0-9#*]\ufe0f?\u20e3")
_LAST = datetime.max.replace(tzinfo=UTC)


def fetch_interactions(client: SequelClient, request: EventRequest) -> Rows:
    """Return what people said and chose. An id that stands twice, with two contents, is refused by name."""
    response = client.event_interactions(request.event.event_id)
    rows = Rows()
    for part, its_tables in _TABLES_OF.items():
        if getattr(response, part) is None:
            rows.missing_parts |= dict.fromkeys(its_tables, f"Sequel's answer has no {part}")
    if any("answers" not in poll.model_fields_set for poll in response.polls or ()):
        rows.missing_parts[poll_answers] = "Sequel's polls have no answers"
    for position, poll in enumerate(_once(response.polls or (), lambda poll: poll.poll_id, "poll"), start=1):
        _add_poll(rows, request, poll, position)
    answers = [answer for poll in response.polls or () for answer in poll.answers]
    for timed in (*answers, *(response.questions or ()), *(response.chat or ())):
        rows.outside.update(timed.outside)
    for question in _once(response.questions or (), lambda question: question.question_id, "question"):
        key = (*request.start, checked_key(question.question_id, "a question's id"))
        who = rows.who(request, question.email, question.name)
        rest = (question.text, question.asked_at, question.answer, question.answered_at, question.upvotes)
        rows.add(questions, (*key, who, *rest))
    for position, message in enumerate(_transcript(response), start=1):
        key = (*request.start, checked_key(message.message_id, "a message's id"))
        rows.add(
            chat_messages,
            (*key, position, rows.who(request, message.email, message.name), message.text, message.sent_at),
        )
    counts: dict[tuple[str, int], int] = {}
    for reaction in response.reactions or ():
        place = (
            _an_emoji(checked_key(reaction.emoji, "an emoji")),
            NO_MINUTE if reaction.minute is None else reaction.minute,
        )
        counts[place] = counts.get(place, 0) + reaction.count
    for (emoji, minute), count in counts.items():
        rows.add(reactions, (*request.start, emoji, minute, count))
    return rows


def _add_poll(rows: Rows, request: EventRequest, poll: Poll, position: int) -> None:
    key = (*request.start, checked_key(poll.poll_id, "a poll's id"))
    rows.add(polls, (*key, position, poll.question))
    options = _once(poll.options, lambda option: option.option_id, "option")
    for place, option in enumerate(options, start=1):
        rows.add(poll_options, (*key, checked_key(option.option_id, "an option's id"), place, option.text))
    listed = {option.option_id for option in options}
    for place, answer in enumerate(sorted(poll.answers, key=lambda one: one.answered_at or _LAST), start=1):
        who = rows.who(request, answer.email, answer.name)
        is_listed = answer.option_id in listed
        chosen, text = (answer.option_id, None) if is_listed else ("", answer.option_id)
        rows.add(poll_answers, (*key, place, who, chosen, is_listed, answer.answered_at, text))


def _an_emoji(text: str) -> str:
    """Return an emoji; of what has letters or numbers in it, which somebody may have typed, only that it was something."""
    signs = _KEYCAP.sub("", text)
    is_text = any(unicodedata.category(sign)[0] in "LNC" and sign not in _IN_EMOJI for sign in signs)
    return NO_EMOJI if is_text or not text.strip() else text


def _transcript(response: Interactions) -> list[ChatMessage]:
    """Return the messages in order of time; one without a time stays behind the one that it follows in the list."""
    at, placed = datetime.min.replace(tzinfo=UTC), []
    for message in _once(response.chat or (), lambda message: message.message_id, "message"):
        at = message.sent_at or at
        placed.append((at, message))
    return [message for _, message in sorted(placed, key=lambda one: one[0])]


def _once(things: Sequence[T], key: Callable[[T], str], what: str) -> list[T]:
    """Return each thing once; repeated to the letter it is one, with another content it is refused."""
    found: dict[str, T] = {}
    for thing in things:
        if found.setdefault(key(thing), thing) != thing:
            raise InvalidEventData(f"a {what} stands twice, with two contents")
    return list(found.values())


NAMED = "GET /events/{eventId}/polls (only named, its shape is a proposal): where it is not there the dataset is unavailable"
POLLS = Dataset(
    table=polls,
    subject=Subject.INTERACTION,
    answers="Which polls did an event have?",
    grain="one row per company, day on which the event starts, stage event and poll",
    source=NAMED,
    refreshed=REFRESHED,
    example="SELECT event_id, count(*) AS polls FROM polls GROUP BY event_id",
)
POLL_OPTIONS = Dataset(
    table=poll_options,
    subject=Subject.INTERACTION,
    answers="What could be chosen in a poll?",
    grain="one row per company, day on which the event starts, stage event, poll and option",
    source=NAMED,
    refreshed=REFRESHED,
    example="SELECT poll_id, text FROM poll_options ORDER BY company_id, event_id, poll_id, position",
)
POLL_ANSWERS = Dataset(
    table=poll_answers,
    subject=Subject.INTERACTION,
    answers="Who chose what in a poll, and when?",
    grain="one row per company, day on which the event starts, stage event, poll and answer",
    source=NAMED,
    refreshed=REFRESHED,
    example="SELECT poll_id, option_id, count(*) AS answers FROM poll_answers WHERE is_listed_option GROUP BY poll_id, option_id",
)
QUESTIONS = Dataset(
    table=questions,
    subject=Subject.INTERACTION,
    answers="What did the audience ask, what was answered, how many others wanted to know?",
    grain="one row per company, day on which the event starts, stage event and question",
    source=NAMED,
    refreshed=REFRESHED,
    example="SELECT event_id, count(*) AS asked, count(answer) AS answered FROM questions GROUP BY event_id",
)
CHAT_MESSAGES = Dataset(
    table=chat_messages,
    subject=Subject.INTERACTION,
    answers="What was written in the chat of an event, in order?",
    grain="one row per company, day on which the event starts, stage event and message",
    source=NAMED,
    refreshed=REFRESHED,
    example="SELECT position, sent_at, person_id FROM chat_messages ORDER BY company_id, event_id, position",
)
REACTIONS = Dataset(
    table=reactions,
    subject=Subject.INTERACTION,
    answers="Which emoji were sent in which minute of an event, and how often?",
    grain="one row per company, day on which the event starts, stage event, emoji and minute",
    source=NAMED,
    refreshed=REFRESHED,
    example='SELECT emoji, sum("count") AS sent FROM reactions GROUP BY emoji',
)
INTERACTIONS = Endpoint(
    "polls, questions and chat",
    (POLLS, POLL_OPTIONS, POLL_ANSWERS, QUESTIONS, CHAT_MESSAGES, REACTIONS),
    fetch_interactions,
    needs_audience=True,
)
