"""Controls of events and webhooks: start, end, create, change, register, redeliver, and the faults of deliveries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sequel_assets.sandbox.webhooks.delivery_faults import DeliveryFaults
from sequel_assets.sandbox.world.truth import Event, Person
from sequel_assets.sandbox.world.view import iso, uid

if TYPE_CHECKING:
    from sequel_assets.sandbox.api.app import Api

Arguments = dict[str, Any]


def _start(api: Api, arguments: Arguments) -> Any:
    """`{"eventId": id}`."""
    api.webhooks.start_event(arguments["eventId"])
    return _event_summary(api, arguments["eventId"])


def _end(api: Api, arguments: Arguments) -> Any:
    """`{"eventId": id}`."""
    api.webhooks.end_event(arguments["eventId"])
    return _event_summary(api, arguments["eventId"])


def _create(api: Api, arguments: Arguments) -> Any:
    """`{"companyId": id, "eventId"?, "name"?, "startDate"?, "minutes"?}`: by default an hour from now, for an hour."""
    event_id = arguments.get("eventId") or uid("event", arguments["companyId"], str(len(api.world.events)))
    starts_at = (
        _time_with_zone(arguments["startDate"]) if "startDate" in arguments else api.clock.now() + timedelta(hours=1)
    )
    ends_at = starts_at + timedelta(minutes=float(arguments.get("minutes", 60)))
    api.world.add_event(Event(event_id, arguments["companyId"], arguments.get("name", "New event"), starts_at, ends_at))
    return _event_summary(api, event_id)


def _update(api: Api, arguments: Arguments) -> Any:
    """`{"eventId": id, "name"?, "startDate"?, "companyId"?}`: one update for each."""
    if (
        api.world.event(arguments["eventId"]) is None
        or api.world.company(arguments.get("companyId", api.world.root.id)) is None
    ):
        raise ValueError("there is no such event, or no such company")
    starts_at = _time_with_zone(arguments["startDate"]) if "startDate" in arguments else None
    if "name" in arguments:
        api.world.rename_event(arguments["eventId"], str(arguments["name"]))
    if starts_at is not None:
        api.world.set_start(arguments["eventId"], starts_at)
    if "companyId" in arguments:
        api.world.move_event(arguments["eventId"], arguments["companyId"])
    return _event_summary(api, arguments["eventId"])


def _delete(api: Api, arguments: Arguments) -> Any:
    """`{"eventId": id}`: it is neither listed nor found any more."""
    if api.world.event(arguments["eventId"]) is None:
        raise ValueError("there is no such event")
    api.world.vanish(arguments["eventId"])
    return {"eventId": arguments["eventId"]}


def _register(api: Api, arguments: Arguments) -> Any:
    """`{"eventId": id, "name": ..., "email": ...}`."""
    api.world.register(arguments["eventId"], Person(str(arguments["name"]), str(arguments["email"])), api.clock.now())
    return _event_summary(api, arguments["eventId"])


def _redeliver(api: Api, arguments: Arguments) -> Any:
    """`{"deliveries": [number, ...]}`, or `{"last": 10}`."""
    numbers = arguments.get("deliveries", [])
    if "last" in arguments:
        numbers = [delivery.number for delivery in api.webhooks.deliveries][-max(1, int(arguments["last"])) :]
    api.webhooks.redeliver([int(number) for number in numbers])
    return {"deliveries": numbers}


def _webhooks(api: Api, arguments: Arguments) -> Any:
    """`{"rates": {kind: share}, "seed"?, "batches": 10..500, "all" or null, "coversChildren": true}`."""
    if "rates" in arguments:
        api.webhooks.faults = DeliveryFaults(arguments["rates"], arguments.get("seed", api.webhooks.faults.seed))
    if "batches" in arguments:
        api.webhooks.batches = arguments["batches"]
    if "coversChildren" in arguments:
        api.webhooks.subscriptions.covers_children = bool(arguments["coversChildren"])
    return _subscriptions(api, arguments)


def _subscriptions(api: Api, _arguments: Arguments) -> Any:
    """How webhooks are set, and every subscription, without its key."""
    return {
        "rates": dict(api.webhooks.faults.rates),
        "batches": api.webhooks.batches,
        "coversChildren": api.webhooks.subscriptions.covers_children,
        "subscriptions": [subscription.as_json() for subscription in api.webhooks.subscriptions.all()],
    }


def _deliveries(api: Api, arguments: Arguments) -> Any:
    """The last deliveries, `?last=100` of them, or those `?after=` a number."""
    after, last = int(arguments.get("after", 0)), int(arguments.get("last", 100))
    found = [delivery for delivery in api.webhooks.deliveries if delivery.number > after]
    shown = (found if "after" in arguments else found[-last:]) if last > 0 else []
    return {"count": api.webhooks.deliveries.count, "deliveries": [delivery.as_json() for delivery in shown]}


def _event_summary(api: Api, event_id: str) -> Any:
    event = api.world.event(event_id)
    if event is None:
        raise ValueError("there is no such event")
    where = {"eventId": event.id, "companyId": event.company_id, "name": event.name}
    return {**where, "startDate": iso(event.starts_at), "endDate": iso(event.ends_at)}


def _time_with_zone(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"a time needs its zone: {text}")
    return time


ControlHandler = Callable[["Api", Arguments], Any]
ACTIONS: Mapping[str, ControlHandler] = {
    "start": _start,
    "end": _end,
    "create": _create,
    "update": _update,
    "delete": _delete,
    "register": _register,
    "redeliver": _redeliver,
    "webhooks": _webhooks,
}
VIEWS: Mapping[str, ControlHandler] = {"deliveries": _deliveries, "subscriptions": _subscriptions}
