"""Is the process alive, and can it work? For load balancers and process supervisors."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets.webhooks.receiver.db_threads import Readers, in_time

READY_SECONDS = 5.0


def health_routes(obstacle: Callable[[], str], readers: Readers) -> list[Route]:
    """Return `/health/live` (always 200) and `/health/ready` (503 with the reason while there is an obstacle)."""

    async def live(_request: Request) -> Response:
        return PlainTextResponse("live\n")

    async def ready(_request: Request) -> Response:
        try:
            reason = await in_time(readers.read(obstacle), READY_SECONDS)
        except WarehouseError:
            reason = "the warehouse cannot be used"
        return PlainTextResponse(f"{reason or 'ready'}\n", 503 if reason else 200)

    return [Route("/health/live", live), Route("/health/ready", ready)]
