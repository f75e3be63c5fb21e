"""The derived datasets: one module per question, each a table and the SELECT that fills it. No I/O, no clock."""

from sequel_assets.insights.audience_usage import AUDIENCE_USAGE
from sequel_assets.insights.company_rollup import COMPANY_ROLLUP
from sequel_assets.insights.daily_usage import DAILY_USAGE
from sequel_assets.insights.event_retention import EVENT_RETENTION
from sequel_assets.insights.event_statistics import EVENT_STATISTICS
from sequel_assets.insights.funnel import FUNNEL
from sequel_assets.insights.lifetime_usage import LIFETIME_USAGE
from sequel_assets.insights.networking import NETWORKING
from sequel_assets.insights.peak_concurrency import PEAK_CONCURRENCY
from sequel_assets.insights.person_engagement import PERSON_ENGAGEMENT
from sequel_assets.insights.person_history import PERSON_HISTORY
from sequel_assets.insights.top_participants import TOP_PARTICIPANTS
from sequel_assets.insights.usage_comparison import USAGE_COMPARISON
from sequel_assets.warehouse.tables.dataset import Insight

INSIGHTS: tuple[Insight, ...] = (
    DAILY_USAGE,
    AUDIENCE_USAGE,
    LIFETIME_USAGE,
    PEAK_CONCURRENCY,
    EVENT_STATISTICS,
    EVENT_RETENTION,
    PERSON_ENGAGEMENT,
    PERSON_HISTORY,
    NETWORKING,
    FUNNEL,
    USAGE_COMPARISON,
    TOP_PARTICIPANTS,
    COMPANY_ROLLUP,
)
"""Every derived dataset; a new one is its module and a line here."""
