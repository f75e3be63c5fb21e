"""The recordings of an event: whether there are any. Their addresses may be secrets and are not kept."""

from sequel_assets.refresh.details.endpoint import Endpoint, EventRequest, Rows
from sequel_assets.sequel import SequelClient
from sequel_assets.warehouse.tables.event_details import replays


def fetch_replays(client: SequelClient, asked: EventRequest) -> Rows:
    """Return a row per recording."""
    rows = Rows()
    for position, replay in enumerate(client.available_replays(asked.event.event_id), start=1):
        has = (replay.url is not None, replay.download_url is not None)
        rows.add(replays, (*asked.start, position, *has, replay.download_status, replay.is_custom))
    return rows


REPLAYS = Endpoint("available replays", (replays,), fetch_replays, needs_audience=True)
