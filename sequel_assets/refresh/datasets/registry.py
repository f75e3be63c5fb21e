"""Every endpoint of events and hubs beside the minutes: assets, pages, exports, checks and previews follow from here.

A new dataset of an endpoint stands in the endpoint's `datasets`; a new endpoint is its module and its name here.
"""

from sequel_assets.refresh.datasets.activity import ACTIVITY
from sequel_assets.refresh.datasets.endpoint import Endpoint
from sequel_assets.refresh.datasets.interactions import INTERACTIONS
from sequel_assets.refresh.datasets.lists import LIST_ENDPOINTS
from sequel_assets.refresh.datasets.replays import AVAILABLE_REPLAYS
from sequel_assets.warehouse.tables.dataset import Dataset

DETAIL_ENDPOINTS: tuple[Endpoint, ...] = (ACTIVITY, INTERACTIONS, AVAILABLE_REPLAYS)
"""Kept by the day on which the event starts."""
ENDPOINTS: tuple[Endpoint, ...] = (*DETAIL_ENDPOINTS, *LIST_ENDPOINTS)
EVENT_DETAILS: tuple[Dataset, ...] = tuple(one for endpoint in DETAIL_ENDPOINTS for one in endpoint.datasets)
LISTS: tuple[Dataset, ...] = tuple(one for endpoint in LIST_ENDPOINTS for one in endpoint.datasets)
