"""The sandbox as a program: prints its address and the variables that a client needs, then one line per request."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from functools import partial

from sequel_assets.sandbox.api.request_log import LoggedRequest
from sequel_assets.sandbox.server import Sandbox


def serve_forever(sandbox: Sandbox, *, verbose: bool = False, say: Callable[[str], None] | None = None) -> None:
    """Serve in this thread until SIGINT or SIGTERM. Prints the address and the variables to export.

    `verbose` adds a line per request. `say` defaults to `print`.
    PortTakenError, whose text is one clear line, if the port is taken.
    """
    say = say or partial(print, flush=True)
    if verbose:
        sandbox.api.on_request = lambda request: say(request_line(request))
    sandbox.serve(on_listening=lambda: say(greeting(sandbox)))


def greeting(sandbox: Sandbox) -> str:
    """Address, clock, and the variables, ready to be pasted into a shell."""
    clock = sandbox.clock
    pace = "stands still" if clock.is_pinned else f"runs at {clock.speed:g}x"
    exports = [f"export {name}={shlex.quote(value)}" for name, value in sandbox.environment().items()]
    return "\n".join(
        [
            f"Sandbox of {len(sandbox.world.companies)} companies, {len(sandbox.world.events)} events at {sandbox.url}",
            f"Its clock says {clock.now():%Y-%m-%d %H:%M:%S} UTC and {pace}; steer it under {sandbox.url}/sandbox",
            *exports,
        ]
    )


def request_line(request: LoggedRequest) -> str:
    """One request in one line."""
    path = f"{request.path}?{request.query}" if request.query else request.path
    fault = f" [{request.fault}]" if request.fault else ""
    took = f"{request.seconds * 1000:.0f} ms"
    return f"{request.at:%H:%M:%S} {request.status or '---'} {request.method} {path} {took}{fault}"
