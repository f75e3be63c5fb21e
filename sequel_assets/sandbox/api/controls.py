"""Control endpoints under `/sandbox/`, for people and demos. No sign-in, no faults, not in the log."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sequel_assets.sandbox.api import event_controls, wire
from sequel_assets.sandbox.api.app import Api
from sequel_assets.sandbox.api.faults import Fault
from sequel_assets.sandbox.api.request_log import LoggedRequest
from sequel_assets.sandbox.world.view import iso


def routes(api: Api) -> list[Route]:
    """The control routes of an API."""

    def endpoint_of(work: Callable[[Api, dict[str, Any]], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                arguments = (
                    json.loads(await request.body() or b"{}")
                    if request.method == "POST"
                    else dict(request.query_params)
                )
                with api.world.lock:
                    return wire.answer(200, work(api, arguments))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                return wire.answer(400, {"hasError": True, "errorMessage": f"{type(error).__name__}: {error}"})

        return endpoint

    return [
        Route("/sandbox", endpoint_of(_state), methods=["GET"]),
        Route("/sandbox/state", endpoint_of(_state), methods=["GET"]),
        Route("/sandbox/requests", endpoint_of(_requests), methods=["GET"]),
        Route("/sandbox/clock", endpoint_of(_clock), methods=["POST"]),
        Route("/sandbox/faults", endpoint_of(_faults), methods=["POST"]),
        Route("/sandbox/restate", endpoint_of(_restate), methods=["POST"]),
        *(
            Route(f"/sandbox/{name}", endpoint_of(work), methods=["POST"])
            for name, work in event_controls.ACTIONS.items()
        ),
        *(Route(f"/sandbox/{name}", endpoint_of(look), methods=["GET"]) for name, look in event_controls.VIEWS.items()),
    ]


def _state(api: Api, _arguments: dict[str, Any]) -> Any:
    """The clock, the size of the world, and how many requests there were."""
    return {
        "now": iso(api.clock.now()),
        "analyticsBefore": iso(api.clock.top_of_hour()),
        "speed": api.clock.speed,
        "rootCompanyId": api.world.root.id,
        "companies": len(api.world.companies),
        "events": len(api.world.events),
        "requests": api.requests.count,
        "scriptedFaultsLeft": api.faults.pending,
    }


def _requests(api: Api, arguments: dict[str, Any]) -> Any:
    """The last requests, `?last=100` of them."""
    last = int(arguments.get("last", 100))
    return {
        "count": api.requests.count,
        "requests": [_logged(r) for r in list(api.requests)[-last:]] if last > 0 else [],
    }


def _logged(request: LoggedRequest) -> dict[str, Any]:
    return {**request.__dict__, "at": iso(request.at), "seconds": round(request.seconds, 6)}


def _clock(api: Api, arguments: dict[str, Any]) -> Any:
    """`{"set": time}`, `{"advance": seconds}`, `{"speed": factor}`, or several at once, in this order."""
    if "set" in arguments:
        api.clock.set(datetime.fromisoformat(arguments["set"]))
    if "advance" in arguments:
        api.clock.advance(float(arguments["advance"]))
    if "speed" in arguments:
        api.clock.speed = float(arguments["speed"])
    api.webhooks.wake()
    return _state(api, arguments)


def _faults(api: Api, arguments: dict[str, Any]) -> Any:
    """`{"clear": true, "rates": {kind: share}, "script": [{"path", "fault", "times"?}]}`; without `times`: for ever."""
    script = [
        (
            line["path"],
            Fault(line["fault"], **{k: v for k, v in line.items() if k in ("seconds", "rows", "megabytes")}),
            line,
        )
        for line in arguments.get("script", [])
    ]
    if arguments.get("clear"):
        api.faults.clear()
    if "rates" in arguments:
        api.faults.rate(arguments["rates"])
    for path, fault, line in script:
        if "times" in line:
            api.faults.script(path, fault, int(line["times"]))
        else:
            api.faults.always(path, fault)
    return _state(api, arguments)


def _restate(api: Api, arguments: dict[str, Any]) -> Any:
    """`{"eventId": id, "minutes": -5}`: every row of the event loses (or gains) that many minutes at its end."""
    api.world.restate(arguments["eventId"], minutes=int(arguments["minutes"]))
    return _state(api, arguments)
