"""The list of datasets: what is landed from Sequel, and with the insights everything that is refreshed by slice.

Assets, pages, exports, checks and previews follow from here. A new dataset of an endpoint stands in the endpoint's `datasets`;
a new endpoint of events or hubs is its module and its name here.
"""

from sequel_assets.insights import INSIGHTS
from sequel_assets.refresh.datasets.activity import ACTIVITY
from sequel_assets.refresh.datasets.endpoint import Endpoint
from sequel_assets.refresh.datasets.interactions import INTERACTIONS
from sequel_assets.refresh.datasets.lists import LIST_ENDPOINTS
from sequel_assets.refresh.datasets.replays import AVAILABLE_REPLAYS
from sequel_assets.warehouse.tables import company_lists, core, request_places, webhooks  # noqa: F401 - every table belongs to the models
from sequel_assets.warehouse.tables.dataset import Dataset, Subject

EVENT_PARTICIPANTS = Dataset(
    table=core.event_participants,
    subject=Subject.AUDIENCE,
    answers="Who was engaged with which event on a day, for how many minutes, live and in the replay?",
    grain="one row per company, day, event or hub, and person with at least one minute",
    source="GET /user-engagement/events/{eventId}/top-participants (documented), one day and engagement type at a time",
    refreshed="every hour for today, once more at the day's close and when it turns final",
    example="SELECT event_id, sum(engaged_minutes) AS engaged_minutes FROM event_participants GROUP BY event_id",
)
EVENT_CONCURRENCY = Dataset(
    table=core.event_concurrency,
    subject=Subject.EVENT_DETAILS,
    answers="How many people watched a stage event in each minute?",
    grain="one row per company, day, stage event and minute that Sequel answers",
    source="GET /getVideoWatchOverTime/{eventId} (documented)",
    refreshed="with event_participants, for events with live minutes",
    example="SELECT minute, users FROM event_concurrency ORDER BY company_id, event_id, minute",
)
DETAIL_ENDPOINTS: tuple[Endpoint, ...] = (ACTIVITY, INTERACTIONS, AVAILABLE_REPLAYS)
"""Kept by the day on which the event starts."""
ENDPOINTS: tuple[Endpoint, ...] = (*DETAIL_ENDPOINTS, *LIST_ENDPOINTS)
EVENT_DETAILS: tuple[Dataset, ...] = tuple(one for endpoint in DETAIL_ENDPOINTS for one in endpoint.datasets)
LISTS: tuple[Dataset, ...] = tuple(one for endpoint in LIST_ENDPOINTS for one in endpoint.datasets)

CORE: tuple[Dataset, ...] = (EVENT_PARTICIPANTS, EVENT_CONCURRENCY)
"""Minutes, by the day of the minutes."""
CORE_NAMES = frozenset(dataset.name for dataset in CORE)
LANDED: tuple[Dataset, ...] = (*CORE, *EVENT_DETAILS)
"""What is fetched by slice; a new one is its table, its fetch and a line here."""
LANDED_NAMES = frozenset(dataset.name for dataset in LANDED)
DETAIL_NAMES = LANDED_NAMES - CORE_NAMES
"""Event details, by the day on which the event starts."""
AT_CLOSE_NAMES = frozenset(insight.name for insight in INSIGHTS if insight.at_close)
"""What an open day owes nobody."""
EVERY_DAY_NAMES = LANDED_NAMES | frozenset(one.name for one in INSIGHTS if not one.as_of and not one.with_descendants)
"""What every day owes that is refreshed at all, whatever other days or companies lack."""
HOURLY_NAMES = CORE_NAMES | frozenset(insight.name for insight in INSIGHTS if not insight.at_close)
"""What every hour shows of an open day, changed or not; event details it shows where they have changed."""
SLICED: tuple[Dataset, ...] = (*LANDED, *INSIGHTS)
"""Every dataset that is partitioned by company and day, in the order in which it is refreshed."""
SLICED_NAMES = frozenset(dataset.name for dataset in SLICED)

COMPANIES = Dataset(
    table=core.companies,
    subject=Subject.CATALOG,
    answers="Which companies does the hierarchy have, and where?",
    grain="one row per company",
    source="GET /company/{companyId} and /company/{companyId}/list (documented)",
    refreshed="every hour, whole",
    example="SELECT partition_key, name, depth FROM companies ORDER BY depth, partition_key",
)
COMPANY_PARENTS = Dataset(
    table=company_lists.company_parents,
    subject=Subject.CATALOG,
    answers="Which company was a company's parent on which day?",
    grain="one row per company and day on which it came to stand there",
    source="GET /company/{companyId}/list (documented), as each hour's walk of the hierarchy finds it",
    refreshed="every hour, with companies",
    example="SELECT company_id, from_day, parent_company_id FROM company_parents ORDER BY company_id, from_day",
)
EVENTS = Dataset(
    table=core.events,
    subject=Subject.CATALOG,
    answers="Which events and hubs does each company have?",
    grain="one row per company and event or hub",
    source="GET /company/{companyId}/events (documented)",
    refreshed="at the beginning of every refresh of its company",
    example="SELECT event_type, count(*) AS events FROM events GROUP BY event_type",
)
SUBSCRIPTIONS = Dataset(
    table=webhooks.subscriptions,
    subject=Subject.PLATFORM,
    answers="Which webhooks does Sequel deliver, until when, and when was that last seen?",
    grain="one row per subscription at Sequel",
    source="POST, GET, PUT and DELETE /api/integrations/webhooks (documented)",
    refreshed="by the subscription reconciler, every four hours, once a public address is set",
    example="SELECT event_type, created_at, expires_at FROM subscriptions WHERE ended_at IS NULL",
)
WITHOUT_DAY: tuple[Dataset, ...] = (*LISTS, COMPANY_PARENTS)
CATALOG: tuple[Dataset, ...] = (COMPANIES, EVENTS, *WITHOUT_DAY)
"""What has a grain of its own and no day."""
CATALOG_HOURLY: tuple[Dataset, ...] = (COMPANIES, COMPANY_PARENTS, EVENTS)
"""Of it, what each hour walks and lists; who registered comes with the slices, as far as it is due."""
