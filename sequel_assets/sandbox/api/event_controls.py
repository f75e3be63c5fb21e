"""Steering of events and webhooks: start and end, make and change, register, deliver again, and what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sequel_assets.sandbox.webhooks.delivery_faults import DeliveryFaults
from sequel_assets.sandbox.world.truth import Event, Person
from sequel_assets.sandbox.world.view import iso, uid

if TYPE_CHECKING:
    from sequel_assets.sandbox.api.app import Api

Asked = dict[str, Any]


def _start(api: Api, asked: Asked) -> Any:
    """`{"eventId": id}`."""
    api.webhooks.start_event(asked["eventId"])
    return _told(api, asked["eventId"])


def _end(api: Api, asked: Asked) -> Any:
    """`{"eventId": id}`."""
    api.webhooks.end_event(asked["eventId"])
    return _told(api, asked["eventId"])


def _create(api: Api, asked: Asked) -> Any:
    """`{"companyId": id, "eventId"?, "name"?, "startDate"?, "minutes"?}`: an hour from now, for an hour, unless told."""
    event_id = asked.get("eventId") or uid("event", asked["companyId"], str(len(api.world.events)))
    starts_at = _moment(asked["startDate"]) if "startDate" in asked else api.clock.now() + timedelta(hours=1)
    ends_at = starts_at + timedelta(minutes=float(asked.get("minutes", 60)))
    api.world.add_event(Event(event_id, asked["companyId"], asked.get("name", "New event"), starts_at, ends_at))
    return _told(api, event_id)


def _update(api: Api, asked: Asked) -> Any:
    """`{"eventId": id, "name"?, "startDate"?, "companyId"?}`: one update for each."""
    if (
        api.world.event(asked["eventId"]) is None
        or api.world.company(asked.get("companyId", api.world.root.id)) is None
    ):
        raise ValueError("there is no such event, or no such company")
    starts_at = _moment(asked["startDate"]) if "startDate" in asked else None
    if "name" in asked:
        api.world.rename_event(asked["eventId"], str(asked["name"]))
    if starts_at is not None:
        api.world.set_start(asked["eventId"], starts_at)
    if "companyId" in asked:
        api.world.move_event(asked["eventId"], asked["companyId"])
    return _told(api, asked["eventId"])


def _delete(api: Api, asked: Asked) -> Any:
    """`{"eventId": id}`: it is neither listed nor found any more."""
    if api.world.event(asked["eventId"]) is None:
        raise ValueError("there is no such event")
    api.world.vanish(asked["eventId"])
    return {"eventId": asked["eventId"]}


def _register(api: Api, asked: Asked) -> Any:
    """`{"eventId": id, "name": ..., "email": ...}`."""
    api.world.register(asked["eventId"], Person(str(asked["name"]), str(asked["email"])), api.clock.now())
    return _told(api, asked["eventId"])


def _redeliver(api: Api, asked: Asked) -> Any:
    """`{"deliveries": [number, ...]}`, or `{"last": 10}`."""
    numbers = asked.get("deliveries", [])
    if "last" in asked:
        numbers = [delivery.number for delivery in api.webhooks.deliveries][-max(1, int(asked["last"])) :]
    api.webhooks.redeliver([int(number) for number in numbers])
    return {"deliveries": numbers}


def _webhooks(api: Api, asked: Asked) -> Any:
    """`{"rates": {kind: share}, "seed"?, "batches": 10..500, "all" or null, "coversChildren": true}`."""
    if "rates" in asked:
        api.webhooks.mishaps = DeliveryFaults(asked["rates"], asked.get("seed", api.webhooks.mishaps.seed))
    if "batches" in asked:
        api.webhooks.batches = asked["batches"]
    if "coversChildren" in asked:
        api.webhooks.subscriptions.covers_children = bool(asked["coversChildren"])
    return _subscriptions(api, asked)


def _subscriptions(api: Api, _asked: Asked) -> Any:
    """How webhooks are set, and every subscription, without its key."""
    return {
        "rates": dict(api.webhooks.mishaps.rates),
        "batches": api.webhooks.batches,
        "coversChildren": api.webhooks.subscriptions.covers_children,
        "subscriptions": [subscription.told() for subscription in api.webhooks.subscriptions.all()],
    }


def _deliveries(api: Api, asked: Asked) -> Any:
    """The last deliveries, `?last=100` of them, or those `?after=` a number."""
    after, last = int(asked.get("after", 0)), int(asked.get("last", 100))
    found = [delivery for delivery in api.webhooks.deliveries if delivery.number > after]
    shown = (found if "after" in asked else found[-last:]) if last > 0 else []
    return {"count": api.webhooks.deliveries.count, "deliveries": [delivery.told() for delivery in shown]}


def _told(api: Api, event_id: str) -> Any:
    event = api.world.event(event_id)
    if event is None:
        raise ValueError("there is no such event")
    where = {"eventId": event.id, "companyId": event.company_id, "name": event.name}
    return {**where, "startDate": iso(event.starts_at), "endDate": iso(event.ends_at)}


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time needs its zone: {text}")
    return moment


Work = Callable[["Api", Asked], Any]
WORKS: Mapping[str, Work] = {
    "start": _start,
    "end": _end,
    "create": _create,
    "update": _update,
    "delete": _delete,
    "register": _register,
    "redeliver": _redeliver,
    "webhooks": _webhooks,
}
LOOKS: Mapping[str, Work] = {"deliveries": _deliveries, "subscriptions": _subscriptions}
