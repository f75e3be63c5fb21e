"""Changes a response's content: by quirks, which leave it right, and by faults, which make it wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sequel_assets.sandbox.api.directory import brief
from sequel_assets.sandbox.api.faults import Fault
from sequel_assets.sandbox.world.truth import canonical_email
from sequel_assets.sandbox.world.view import RefusalError
from sequel_assets.sandbox.world.world import World

NEEDED = frozenset(
    [
        "uid",
        "companyUid",
        "name",
        "startDate",
        "endDate",
        "type",
        "networkingHub",
        "isEventCancelled",
        "parentCompanyId",
        "email",
        "userEmail",
        "eventId",
        "eventType",
        "numberOfUsers",
        "totalEngagedMinutes",
        "engagedMinutes",
        "topParticipants",
        "VideoViews",
        "items",
        "totalCount",
        "page",
        "userId",
        "attended",
        "viewedReplay",
        "liveTime",
        "onDemandTime",
        "date",
        "days",
        "companyId",
        "meta",
        "url",
        "webHookSubscriptionId",
        "clientSecret",
        "expiresOn",
        "endpoint",
        "subscriptionInfo",
        *("join_url", "metadata", "username", "userId", "when", "downloadVideoUrl", "downloadStatus", "isCustomReplay"),
        *("liveTimeSpentPercentage", "onDemandTimeSpentPercentage", "averageLiveViewTime", "averageOnDemandViewTime"),
        *("circlesNumber", "comments", "pollsNumber", "questionsNumber", "messagesReactionsCount", "leadScore"),
        *("rawLeadScore", "leadStatus", "engagementScore", "updatedOn", "registrationDate"),
        *("polls", "pollId", "question", "options", "optionId", "text", "answers", "answeredAt", "questions"),
        *("questionId", "askedAt", "answer", "upvotes", "chat", "messageId", "sentAt", "reactions", "emoji", "count"),
        *("minute", "networkingHubRooms", "maxSlots", "organizers", "presenters"),
    ]
)
"""Fields that `missing_fields` and `nulls` leave alone, so that the answer stays right."""


def with_faults(faults: list[Fault], document: Any, ids: list[str], world: World) -> Any:
    """The document after every quirk and content fault that was chosen for it."""
    for fault in faults:
        if fault.kind in _ROWS:
            _ROWS[fault.kind](document, fault)
        elif fault.kind in _CONCURRENCY:
            document["VideoViews"] = _CONCURRENCY[fault.kind](document["VideoViews"])
        elif fault.kind == "company_loop":
            own = world.company(ids[0])
            parent = world.company(own.parent_id or own.id) if own else None
            document = [*document, *(brief(company) for company in (own, parent) if company)]
        elif fault.kind == "two_parents":
            listed = {company["uid"] for company in document}
            others = [c for c in world.companies if c.id not in listed and c.id not in ids and c.parent_id]
            document = [*document, *(brief(company) for company in others[:1])]
    kinds = {fault.kind for fault in faults}
    for kind, change in _EVERY_VALUE.items():
        if kind in kinds:
            document = change(document)
    return document


def _duplicate_rows(document: dict[str, Any], _fault: Fault) -> None:
    """Some rows stand twice, to the letter; the totals count them once."""
    rows = document["topParticipants"]
    room = document["limit"] - len(rows)
    document["topParticipants"] = sorted(rows + rows[::3][:room], key=lambda row: -row["engagedMinutes"])


def _split_rows(document: dict[str, Any], _fault: Fault) -> None:
    """Some people stand twice, in two spellings that share their minutes; the totals count people."""
    rows = document["topParticipants"]
    room = document["limit"] - len(rows)
    split = [row for row in rows if row["engagedMinutes"] > 1 and _respelled(row)][::2][: max(0, room)]
    for row in split:
        minutes = row["engagedMinutes"]
        row["engagedMinutes"] = minutes - minutes // 2
        rows.append({**row, "userEmail": _respelled(row), "engagedMinutes": minutes // 2})


def _respelled(row: dict[str, Any]) -> str | None:
    """The row's e-mail in another spelling of the same person; None where there is none."""
    email = canonical_email(row.get("userEmail"))
    respelled = f" {row['userEmail'].swapcase()}" if email else None
    return respelled if canonical_email(respelled) == email else None


def _capped(document: dict[str, Any], fault: Fault) -> None:
    document["topParticipants"] = document["topParticipants"][: fault.rows]


def _wrong_users(document: dict[str, Any], _fault: Fault) -> None:
    document["numberOfUsers"] += 1


def _wrong_minutes(document: dict[str, Any], _fault: Fault) -> None:
    document["totalEngagedMinutes"] += 1


_ROWS: dict[str, Callable[[dict[str, Any], Fault], None]] = {
    "duplicate_rows": _duplicate_rows,
    "split_rows": _split_rows,
    "capped": _capped,
    "wrong_users": _wrong_users,
    "wrong_minutes": _wrong_minutes,
}

Views = list[list[int]]


def _gap(views: Views) -> Views:
    """One minute is missing: the first that is not the peak."""
    peak = max((users for _, users in views), default=0)
    spare = next((view for view in views if view[1] < peak), None)
    return [view for view in views if view is not spare]


def _twice(views: Views) -> Views:
    """Every fourth minute occurs twice, the second time with fewer users."""
    return views + [[minute, max(0, users - 1)] for minute, users in views[::4]]


def _disorder(views: Views) -> Views:
    return views[1::2][::-1] + views[::2]


def _empty_404(views: Views) -> Views:
    if not views:
        raise RefusalError(404, "Event not found")
    return views


_CONCURRENCY: dict[str, Callable[[Views], Views]] = {
    "concurrency_gap": _gap,
    "concurrency_twice": _twice,
    "concurrency_disorder": _disorder,
    "empty_concurrency_404": _empty_404,
}


def _deeply(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Apply a change to every object and value, from the leaves up; what a person answered on registering stays."""

    def apply(value: Any) -> Any:
        if isinstance(value, dict):
            return change({name: inner if name == "metadata" else apply(inner) for name, inner in value.items()})
        return [apply(inner) for inner in value] if isinstance(value, list) else change(value)

    return apply


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> Any:
    return str(value) if _is_number(value) else value


def _float(value: Any) -> Any:
    """12 becomes 12.0, and with `numbers_as_strings` after it "12.0"."""
    return float(value) if _is_number(value) and math.isfinite(value) else value


def _missing(value: Any) -> Any:
    return {k: v for k, v in value.items() if k in NEEDED} if isinstance(value, dict) else value


def _nulls(value: Any) -> Any:
    return {k: v if k in NEEDED else None for k, v in value.items()} if isinstance(value, dict) else value


def _with_added_fields(value: Any) -> Any:
    return {**value, "_v": 2, "somethingNew": {"a": [1, None]}} if isinstance(value, dict) else value


_EVERY_VALUE: dict[str, Callable[[Any], Any]] = {
    "floats": _deeply(_float),
    "numbers_as_strings": _deeply(_text),
    "missing_fields": _deeply(_missing),
    "nulls": _deeply(_nulls),
    "extra_fields": _deeply(_with_added_fields),
}
