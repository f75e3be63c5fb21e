"""The receiver's numbers for Prometheus, `GET /metrics`: how deliveries were answered, how long it took, what is under way.

For whoever may reach the receiver's port, as `/health` is: the proxy in front hands on the webhooks' path alone. It counts in
memory, asks no database, and holds no address, no id and nothing of a delivery: the one label has the words of `Verification`.
"""

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sequel_assets.webhooks.receiver.verify import Verification

PATH = "/metrics"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class ReceiverMetrics:
    """Counts the deliveries of one receiver, in a registry of its own."""

    def __init__(self, under_way: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        deliveries = Counter(
            "sequel_receiver_deliveries",
            "Deliveries by how they were answered",
            ["result", "status"],
            registry=self._registry,
        )
        # all of them at once: a rate needs the zero before the first one
        self._of = {result: deliveries.labels(result.name.lower(), str(result.status)) for result in Verification}
        self._seconds = Histogram(
            "sequel_receiver_delivery_seconds",
            "Time from a delivery's headers to its answer",
            buckets=SECONDS,
            registry=self._registry,
        )
        self._accepted = Gauge(
            "sequel_receiver_last_accepted_timestamp_seconds",
            "When a delivery was last stored; 0 while none was since the start",
            registry=self._registry,
        )
        Gauge(
            "sequel_receiver_deliveries_under_way",
            "Deliveries of known senders being taken in",
            registry=self._registry,
        ).set_function(under_way)
        ProcessCollector(registry=self._registry)

    def count(self, result: Verification, seconds: float) -> None:
        """Count one delivery that is about to be answered."""
        self._of[result].inc()
        self._seconds.observe(seconds)
        if result.is_accepted:
            self._accepted.set_to_current_time()

    def route(self) -> Route:
        """Return `/metrics`."""

        async def metrics(_request: Request) -> Response:
            return Response(generate_latest(self._registry), headers={"content-type": CONTENT_TYPE_LATEST})

        return Route(PATH, metrics)
