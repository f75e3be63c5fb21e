"""Every call of the client with every error, and with somebody in each field of each answer: no exception tells of anybody."""

from __future__ import annotations

import copy
import logging
import traceback
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from sequel_assets.sequel import SequelClient, SequelError
from sequel_assets_tests.leaks.planting import ERRORS, STEM, email, needles, person, wrong_values
from sequel_assets_tests.leaks.scanning import found_in
from sequel_assets_tests.sequel.conftest import TOKEN_PATH, config

DAY = date(2026, 3, 1)
WHO = {"name": person(1), "userEmail": email(1)}
ACTIVITY = {
    "uid": "u", "userId": "u|||e", "email": email(1), "name": person(1), "attended": True, "viewedReplay": False, "liveTime": 1,
    "onDemandTime": "12m", "liveTimeSpentPercentage": 1, "onDemandTimeSpentPercentage": 1, "averageLiveViewTime": 1,
    "averageOnDemandViewTime": 1, "circlesNumber": 1, "comments": 1, "pollsNumber": 1, "questionsNumber": 1,
    "messagesReactionsCount": 1, "leadScore": 1, "rawLeadScore": 1, "leadStatus": "x", "engagementScore": 1, "companyId": "c",
    "createdOn": "2026-03-01T09:00:00Z", "updatedOn": 1772355600, "registrationDate": None,
}  # fmt: skip
USAGE = {
    "companyId": "c",
    "liveMinutes": 1,
    "onDemandMinutes": 1,
    "totalMinutes": 2,
    "numberOfEvents": 1,
    "numberOfUsers": 1,
}
SUBSCRIBED = {"webHookSubscriptionId": "s", "clientSecret": "k", "expiresOn": "2026-09-01T00:00:00Z"}
COMPANY = {"uid": "c", "name": "C", "parentCompanyId": "r", "eventIds": ["e"]}
EVENT = {
    "uid": "e", "companyUid": "c", "name": "E", "startDate": "2026-03-01T09:00:00Z", "endDate": "2026-03-01T10:00:00Z", "timezone": "UTC",
    "type": "Virtual", "networkingHub": "h", "isEventCancelled": False, "isReplayEnabled": True, "isEventLive": False,
    "isParentEvent": False, "isChildSessionEvent": False, "isInPersonEvent": False, "isSimuliveEnabled": False,
    "company": {"id": "c"}, "liveEventManagement": {"isEventLive": False, "replayEnabled": True},
    "organizers": [email(1)], "presenters": [{"email": email(1), "name": person(1), "uid": "u"}],
}  # fmt: skip
POLLS = {
    "eventId": "e",
    "polls": [{"pollId": "p", "question": "?", "options": [{"optionId": "o", "text": "Yes"}], "answers": [{**WHO, "optionId": "o", "answeredAt": 1772355600}]}],
    "questions": [{"questionId": "q", **WHO, "text": "t", "askedAt": 1772355600, "answer": "a", "answeredAt": None, "upvotes": 1}],
    "chat": [{"messageId": "m", **WHO, "text": "t", "sentAt": 1772355600}],
    "reactions": [{"emoji": "x", "count": 1, "minute": 1}],
}  # fmt: skip

CALLS: dict[str, tuple[Callable[[SequelClient], object], Any]] = {
    "company": (lambda c: c.company("c"), COMPANY),
    "sub_companies": (lambda c: c.sub_companies("c"), [COMPANY]),
    "events": (lambda c: c.events("c"), [EVENT]),
    "event": (lambda c: c.event("e"), EVENT),
    "hub": (lambda c: c.hub("h"), {"uid": "h", "friendlyName": "H", "company": {"uid": "c"}, "networkingHubRooms": [{"name": "R", "maxSlots": 4}]}),
    "hub_participants": (lambda c: c.hub_participants("h"), [{"meta": {"userId": "u", "username": person(1), "email": email(1)}, "when": 1}]),
    "registrants": (lambda c: c.registrants("e"), [{"name": person(1), "email": email(1), "join_url": "https://x", "metadata": {"a": 1}}]),
    "available_replays": (lambda c: c.available_replays("e"), [{"url": "https://x", "downloadVideoUrl": "https://y", "downloadStatus": "ok", "isCustomReplay": False}]),
    "participants": (lambda c: c.participants("e", start=DAY, end=DAY, engagement_type="all", limit=9), {"numberOfUsers": 1, "totalEngagedMinutes": 3, "topParticipants": [{**WHO, "engagedMinutes": 3}]}),
    "concurrency": (lambda c: c.concurrency("e"), {"VideoViews": [[0, 1], [1, 2]]}),
    "user_activity": (lambda c: c.user_activity("e", page=1, count=9), {"items": [ACTIVITY], "totalCount": 1, "page": 1, "size": 9}),
    "lifetime_usage": (lambda c: c.lifetime_usage("c"), USAGE),
    "usage": (lambda c: c.usage("c", start=DAY, end=DAY), USAGE),
    "usage_by_day": (lambda c: c.usage_by_day("c", start=DAY, end=DAY), {"days": [{"date": "2026-03-01", "virtualStageMinutes": 1, "networkingMinutes": 1, "liveMinutes": 1, "onDemandMinutes": 1, "numberOfUsers": 1}]}),
    "event_interactions": (lambda c: c.event_interactions("e"), POLLS),
    "create_subscription": (lambda c: c.create_subscription("virtual-stage-created", "c", "https://hooks.example/x"), SUBSCRIBED),
    "subscription": (lambda c: c.subscription("s"), {"webHookSubscriptionId": "s", "subscriptionInfo": {"eventType": "x", "companyId": "c", "eventId": None, "endpoint": "https://x", "expiresOn": "2026-09-01"}}),
    "update_subscription": (lambda c: c.update_subscription("s", extend_by_days=9), {}),
    "renew_subscription": (lambda c: c.renew_subscription("s"), SUBSCRIBED),
    "delete_subscription": (lambda c: c.delete_subscription("s"), {}),
    "token": (lambda c: c.company("c"), {"access_token": "t", "token_type": "Bearer", "expires_in": 3600}),
}  # fmt: skip


def response_of(raw: bytes) -> httpx.Response | httpx.HTTPError:
    """Bytes of HTTP as httpx gives them on; what is none, and what is cut off, as the error that it raises, with all it quotes."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    if not status.startswith("HTTP/1.1 "):
        return httpx.RemoteProtocolError(f"illegal status line: {raw!r}")
    headers = dict(line.split(": ", 1) for line in lines)
    if int(headers["Content-Length"]) != len(body):
        return httpx.RemoteProtocolError(
            "peer closed connection without sending complete message body: " + body.decode()
        )
    reason = {"reason_phrase": status.split(" ", 2)[2].encode()}
    return httpx.Response(int(status[9:12]), headers=headers, stream=httpx.ByteStream(body), extensions=reason)


class Answering:
    """The far end: one endpoint gives what a test wants, signing in works unless it is the one."""

    def __init__(self, name: str, answer: Callable[[], httpx.Response | httpx.HTTPError]) -> None:
        self._name, self._answer = name, answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if (request.url.path == TOKEN_PATH) != (self._name == "token"):
            return httpx.Response(200, json={"access_token": "t"} if request.url.path == TOKEN_PATH else COMPANY)
        answer = self._answer()
        if isinstance(answer, httpx.HTTPError):
            raise answer
        return answer


def printed(name: str, answer: Callable[[], httpx.Response | httpx.HTTPError]) -> str:
    """All that can be printed of what came of a call, if it was an error."""
    transport = httpx.MockTransport(Answering(name, answer))
    with SequelClient(config(max_attempts=1), transport=transport, sleep=lambda _: None) as client:
        try:
            CALLS[name][0](client)
        except SequelError as error:
            return everything_of(error)
        return ""


def everything_of(error: BaseException) -> str:
    text = "".join(traceback.format_exception(error)) + repr(error) + repr(error.args) + repr(vars(error))
    return text + "".join(everything_of(one) for one in (error.__cause__, error.__context__) if one is not None)


def places(value: object, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Each place in a value: itself, fields and items, however deep."""
    yield here
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in inner:
        yield from places(one, (*here, step))


def replaced(value: Any, place: tuple[Any, ...], other: object) -> Any:
    """The value with something else at a place."""
    if not place:
        return other
    changed = copy.copy(value)
    changed[place[0]] = replaced(value[place[0]], place[1:], other)
    return changed


@pytest.mark.parametrize("name", CALLS)
def test_no_error_of_any_call_names_anybody(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """However it is spelt: as an exception, in what is chained to it, in the log at its most talkative."""
    caplog.set_level(logging.DEBUG)
    failed = 0
    for number, kind in enumerate(ERRORS):
        text = printed(name, lambda kind=kind, number=number: response_of(ERRORS[kind](number)))  # type: ignore[misc]
        assert not found_in(text.encode(), STEM), (kind, text)
        failed += bool(text)
    assert failed >= len(ERRORS) - 8  # a text is a success where the status alone counts
    assert not found_in(caplog.text.encode(), STEM)


@pytest.mark.parametrize("name", CALLS)
def test_no_field_that_is_wrong_is_quoted(name: str) -> None:
    """Of each answer each field in turn holds somebody: what is refused is told by its place."""
    good = CALLS[name][1]
    assert printed(name, lambda: httpx.Response(200, json=good)) == ""
    refused = 0
    for place in places(good):
        for value in wrong_values(3):
            text = printed(
                name, lambda place=place, value=value: httpx.Response(200, json=replaced(good, place, value))
            )  # type: ignore[misc]
            assert not found_in(text.encode(), STEM), (place, value, text)
            refused += bool(text)
    assert refused > 2 or name in {"update_subscription", "delete_subscription"}


def test_the_needles_are_found_in_what_is_planted() -> None:
    """Else none of this proves anything."""
    for kind, error in ERRORS.items():
        assert found_in(error(7), STEM), kind
    assert all(len(needle) >= 8 for needle in needles(STEM))
