"""A typed client of Sequel's API, usable on its own.

    from sequel_assets.sequel import SequelClient, SequelConfig

    with SequelClient(SequelConfig(api_url=..., analytics_url=..., client_id=..., client_secret=...)) as sequel:
        for company in sequel.sub_companies(root_id):
            print(company.name, len(sequel.events(company.uid)))

For code that fetches from Sequel. It is synchronous and thread-safe. It must never import Dagster, SQL or pandas, and
no error or log line of it may quote what Sequel answers.
"""

from sequel_assets.sequel.client import SequelClient
from sequel_assets.sequel.config import SequelConfig
from sequel_assets.sequel.endpoints.directory import Company, Event, Hub, HubParticipant, HubRoom, Registrant, Replay
from sequel_assets.sequel.endpoints.engagement import (
    Activity,
    ActivityPage,
    EngagementType,
    EventType,
    Participant,
    Participants,
)
from sequel_assets.sequel.endpoints.interactions import Interactions
from sequel_assets.sequel.endpoints.named_totals import DayUsage, Usage
from sequel_assets.sequel.endpoints.webhooks import CreatedSubscription, Subscription
from sequel_assets.sequel.exceptions import (
    FATAL,
    BadRequest,
    Forbidden,
    HasError,
    Interrupted,
    InvalidResponse,
    NotFound,
    OutOfRequests,
    SequelError,
    ServerError,
    SignInRefused,
    Throttled,
    Uncertain,
    Unreachable,
)
from sequel_assets.sequel.parsing.fields import EARLIEST, LATEST
from sequel_assets.sequel.parsing.times import Duration
from sequel_assets.sequel.paths import Paths
from sequel_assets.sequel.stats import ClientStats
from sequel_assets.sequel.transport.response_rules import is_retryable

__all__ = [
    "EARLIEST",
    "FATAL",
    "LATEST",
    "Activity",
    "ActivityPage",
    "BadRequest",
    "ClientStats",
    "Company",
    "CreatedSubscription",
    "DayUsage",
    "Duration",
    "EngagementType",
    "Event",
    "EventType",
    "Forbidden",
    "HasError",
    "Hub",
    "HubParticipant",
    "HubRoom",
    "Interactions",
    "Interrupted",
    "InvalidResponse",
    "NotFound",
    "OutOfRequests",
    "Participant",
    "Participants",
    "Paths",
    "Registrant",
    "Replay",
    "SequelClient",
    "SequelConfig",
    "SequelError",
    "ServerError",
    "SignInRefused",
    "Subscription",
    "Throttled",
    "Uncertain",
    "Unreachable",
    "Usage",
    "is_retryable",
]
