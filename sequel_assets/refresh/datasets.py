"""The list of datasets: what is landed from Sequel, and with the insights everything that is refreshed by slice."""

from sequel_assets.insights import INSIGHTS
from sequel_assets.warehouse import tables
from sequel_assets.warehouse.dataset import Dataset

EVENT_PARTICIPANTS = Dataset(
    table=tables.event_participants,
    answers="Who was engaged with which event on a day, for how many minutes, live and in the replay?",
    grain="one row per company, day, event or hub, and person with at least one minute",
    source="GET /user-engagement/events/{eventId}/top-participants (documented), one day and engagement type at a time",
    refreshed="every hour for today, once more at the day's close and when it turns final",
    example="SELECT event_id, sum(engaged_minutes) AS engaged_minutes FROM event_participants GROUP BY event_id",
)
EVENT_CONCURRENCY = Dataset(
    table=tables.event_concurrency,
    answers="How many people watched a stage event in each minute?",
    grain="one row per company, day, stage event and minute that Sequel tells",
    source="GET /getVideoWatchOverTime/{eventId} (documented)",
    refreshed="with event_participants, for events with live minutes",
    example="SELECT minute, users FROM event_concurrency ORDER BY company_id, event_id, minute",
)
LANDED: tuple[Dataset, ...] = (EVENT_PARTICIPANTS, EVENT_CONCURRENCY)
"""What is fetched by slice; a new one is its table, its fetch and a line here."""
LANDED_NAMES = frozenset(dataset.name for dataset in LANDED)
SLICED: tuple[Dataset, ...] = (*LANDED, *INSIGHTS)
"""Every dataset that is partitioned by company and day, in the order in which it is refreshed."""

COMPANIES = Dataset(
    table=tables.companies,
    answers="Which companies are beneath the root, and where?",
    grain="one row per company",
    source="GET /company/{companyId} and /company/{companyId}/list (documented)",
    refreshed="every hour, whole",
    example="SELECT partition_key, name, depth FROM companies ORDER BY depth, partition_key",
)
EVENTS = Dataset(
    table=tables.events,
    answers="Which events and hubs does each company have?",
    grain="one row per company and event or hub",
    source="GET /company/{companyId}/events (documented)",
    refreshed="at the beginning of every refresh of its company",
    example="SELECT event_type, count(*) AS events FROM events GROUP BY event_type",
)
CATALOG: tuple[Dataset, ...] = (COMPANIES, EVENTS)
"""What has a grain of its own and no day."""
