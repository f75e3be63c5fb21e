"""The recordings of an event: whether there are any. Their addresses may be secrets and are not kept."""

from sequel_assets.refresh.datasets.endpoint import REFRESHED, Endpoint, EventRequest, Rows
from sequel_assets.sequel import SequelClient
from sequel_assets.warehouse.tables.dataset import Dataset, Subject
from sequel_assets.warehouse.tables.event_details import replays


def fetch_replays(client: SequelClient, request: EventRequest) -> Rows:
    """Return a row per recording."""
    rows = Rows()
    for position, replay in enumerate(client.available_replays(request.event.event_id), start=1):
        has = (replay.url is not None, replay.download_url is not None)
        rows.add(replays, (*request.start, position, *has, replay.download_status, replay.is_custom))
    return rows


REPLAYS = Dataset(
    table=replays,
    subject=Subject.EVENT_DETAILS,
    answers="Which recordings does an event have, and can they be watched and downloaded?",
    grain="one row per company, day on which the event starts, stage event and recording",
    source="GET /event/{eventId}/availableReplays (documented); the addresses themselves are not kept",
    refreshed=REFRESHED,
    example="SELECT download_status, count(*) AS recordings FROM replays GROUP BY download_status",
)
AVAILABLE_REPLAYS = Endpoint("available replays", (REPLAYS,), fetch_replays, needs_audience=True)
