"""Is the process alive, and can it work? For load balancers and whoever restarts things."""

from functools import partial

import anyio
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sequel_assets.warehouse import schema
from sequel_assets.warehouse.engine import Warehouse
from sequel_assets.warehouse.errors import WarehouseError

READY_SECONDS = 5.0


def health_routes(warehouse: Warehouse) -> list[Route]:
    """Return `/health/live` (always 200) and `/health/ready` (200 when the database answers with the right schema)."""
    limiter = anyio.CapacityLimiter(2)

    async def live(_request: Request) -> Response:
        return PlainTextResponse("live\n")

    async def ready(_request: Request) -> Response:
        try:
            with anyio.fail_after(READY_SECONDS):
                await run_sync(partial(schema.ensure_current, warehouse), limiter=limiter, abandon_on_cancel=True)
        except (WarehouseError, TimeoutError):
            return PlainTextResponse("the warehouse cannot be used\n", 503)
        return PlainTextResponse("ready\n")

    return [Route("/health/live", live), Route("/health/ready", ready)]
