"""THE MEANING: one module per question; each dataset is a table and the SELECT that fills it. No I/O, no clock."""

from sequel_assets.warehouse.dataset import Insight

from .company_rollup import COMPANY_ROLLUP
from .daily_usage import DAILY_USAGE
from .event_retention import EVENT_RETENTION
from .event_statistics import EVENT_STATISTICS
from .funnel import FUNNEL
from .lifetime_usage import LIFETIME_USAGE
from .networking import NETWORKING
from .peak_concurrency import PEAK_CONCURRENCY
from .person_engagement import PERSON_ENGAGEMENT
from .person_history import PERSON_HISTORY
from .top_participants import TOP_PARTICIPANTS
from .usage_comparison import USAGE_COMPARISON

INSIGHTS: tuple[Insight, ...] = (
    DAILY_USAGE,
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
