"""When a refresh happens, as every part of it sees it."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class RunInfo:
    """When a refresh began and how far its answers go at least, by the one clock."""

    at: datetime
    through: datetime
    late_window: timedelta
    run_id: str | None
    accepts_loss: bool = False
    """True where the owner lets final slices through that lost most of their minutes."""
