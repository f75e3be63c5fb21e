"""What every stage of a refresh is handed: the account, the warehouse, the rules, the hour, and what stops the run.

The values are fixed when the run begins. Only `progress`, `kept_lists`, `assumptions` and `stop` change, and each of
them locks itself.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sequel_assets.refresh.core.api_profile import ApiProfile, Assumptions
from sequel_assets.refresh.core.config import RefreshConfig
from sequel_assets.refresh.core.progress import Progress
from sequel_assets.refresh.core.retention import NONE_FROZEN
from sequel_assets.sequel import SequelClient, SequelError
from sequel_assets.warehouse.database.engine import Warehouse

MAX_KEPT_ROWS = 300_000
Events = Mapping[str, Mapping[str, Collection[date]]]
"""company -> event -> days."""


class Stopped(Exception):  # noqa: N818 - a state, not an error
    """The run was asked to stop, or ended by an error that no other request would survive."""


class StopSignal(threading.Event):
    """Set where a run is to stop; `error` is what ended it for every company, once there is one."""

    error: SequelError | None = None

    def check(self) -> None:
        """Raise `Stopped` where the run is to stop."""
        if self.is_set():
            raise Stopped

    def end(self, error: SequelError) -> Stopped:
        """End the run with an error that no other request would survive; return what the caller is to raise."""
        self.error = self.error or error
        self.set()
        return Stopped()


@dataclass
class KeptLists:
    """How many rows a refresh keeps in memory, over all its events."""

    rows: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, rows: int) -> bool:
        """Say whether so many rows more may be kept."""
        with self.lock:
            if self.rows + rows > MAX_KEPT_ROWS:
                return False
            self.rows += rows
            return True

    def release(self, rows: int) -> None:
        """Give room back."""
        with self.lock:
            self.rows -= rows


@dataclass(frozen=True)
class RefreshOptions:
    """What a caller chooses for one refresh beside its companies and days."""

    run_id: str | None = None
    accepts_loss: bool = False
    """True where final slices may lose most of their minutes: `sequel-assets accept` let them through."""
    force: bool = False
    """True where days that are remembered as empty are requested too."""
    only: Events = field(default_factory=dict)
    """Days that are requested of single events, beside the days that are requested of every event."""


@dataclass(frozen=True)
class RunInfo:
    """When a refresh began and how far its answers go at least, by the one clock."""

    at: datetime
    through: datetime
    late_window: timedelta
    run_id: str | None
    accepts_loss: bool = False
    frozen_before: Mapping[str, date] = field(default_factory=dict)
    """company -> the first day that Sequel still holds, where it forgets; no day before it is requested or written."""

    def first_unfrozen(self, company_id: str) -> date:
        """Return the first day that Sequel still holds of a company."""
        return self.frozen_before.get(company_id, NONE_FROZEN)


@dataclass(frozen=True)
class RunContext:
    """One refresh, as each of its stages sees it."""

    client: SequelClient
    warehouse: Warehouse
    pool: Executor
    clock: Callable[[], datetime]
    config: RefreshConfig
    run_info: RunInfo
    options: RefreshOptions = field(default_factory=RefreshOptions)
    profile: ApiProfile = field(default_factory=ApiProfile)
    progress: Progress = field(default_factory=Progress)
    kept_lists: KeptLists = field(default_factory=KeptLists)
    assumptions: Assumptions = field(default_factory=Assumptions)
    stop: StopSignal = field(default_factory=StopSignal)
    listers: Mapping[str, str] = field(default_factory=dict)
    """event -> the company whose list named it, where that is not its own."""
