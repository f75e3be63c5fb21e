"""THE MEANING: one module per question; each dataset is a table and the SELECT that fills it. No I/O, no clock."""

from sequel_assets.warehouse.dataset import Insight

from .daily_usage import DAILY_USAGE
from .lifetime_usage import LIFETIME_USAGE
from .peak_concurrency import PEAK_CONCURRENCY

INSIGHTS: tuple[Insight, ...] = (DAILY_USAGE, LIFETIME_USAGE, PEAK_CONCURRENCY)
"""Every derived dataset; a new one is its module and a line here."""
