"""What the assets are given: the settings' client and warehouse. Nothing is opened until it is used."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from sequel_assets import settings
from sequel_assets.orchestration.storage.errors import in_words
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.outcomes import Outcome, unexpected
from sequel_assets.refresh.core.progress import Progress
from sequel_assets.refresh.core.run_context import RefreshOptions
from sequel_assets.refresh.run.refresher import Refresher
from sequel_assets.sequel import SequelClient, SequelError
from sequel_assets.settings import Settings, SettingsError
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError

NEEDED = ("client_id", "client_secret", "company_id", "person_key")
"""The settings without which nothing can be refreshed."""


@contextmanager
def in_one_line() -> Iterator[None]:
    """Turn what is wrong with settings, warehouse or Sequel into a failure that says just that.

    Of a mistake of ours its kind and place are told: Dagster would keep its text, and that of all that is chained to it.
    """
    try:
        yield
    except (SettingsError, WarehouseError, SequelError) as error:
        raise dg.Failure(str(error)) from None
    except (dg.DagsterError, dg.Failure, dg.RetryRequested):
        raise
    except SQLAlchemyError as error:  # of Dagster's storage: the warehouse's are its own
        raise dg.Failure(in_words(error)) from None
    except Exception as error:  # noqa: BLE001
        raise dg.Failure(unexpected(error)) from None


class Platform:
    """The platform as the environment describes it; what is missing there is said when it is asked for.

    A `client` that is given serves all runs, so that they share its token; else each run has one of its own.
    """

    def __init__(self, client: SequelClient | None = None) -> None:
        self._client = client

    def settings(self) -> settings.Settings:
        """Read the settings."""
        return settings.load()

    @contextmanager
    def opened(self) -> Iterator[tuple[SequelClient, Warehouse]]:
        """Yield a client and the warehouse, closed at the end; errors fail the run."""
        with in_one_line():
            now = self.settings()
            now.require(*NEEDED)
            with self.warehouse() as warehouse, self._opened_client(now) as client:
                warehouse.ensure_writable()
                yield client, warehouse

    def _opened_client(self, now: Settings) -> AbstractContextManager[SequelClient]:
        return closing(config.open_client(now)) if self._client is None else nullcontext(self._client)

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        """Yield the warehouse, whose schema is of this release."""
        with in_one_line():
            warehouse = config.open_warehouse(self.settings())
            try:
                schema.ensure_current(warehouse)
                yield warehouse
            finally:
                warehouse.dispose()

    def refresher(
        self,
        client: SequelClient,
        warehouse: Warehouse,
        run_id: str,
        *,
        accepts_loss: bool = False,
        anew: bool = False,
    ) -> Refresher:
        """Return what refreshes slices by the rules of the settings."""
        now = self.settings()
        rules = config.rules(now)
        return Refresher(client, warehouse, now.clock, rules, RefreshOptions(run_id, accepts_loss, force=anew))


class Observer:
    """Told of each outcome as it happens; the command line shows its progress through one."""

    def __init__(self, tell: Callable[[Outcome], None] = lambda _: None) -> None:
        self.tell = tell
        self.gauge: Progress | None = None
        """How far the run is, once it has begun."""
        self.fatal: SequelError | None = None
        """The error that ended a run for every company, once there was one."""

    def __call__(self, outcome: Outcome) -> None:
        """Pass the outcome on."""
        self.tell(outcome)


@dg.resource(description="Told of each outcome as it happens")
def silent_observer() -> Observer:
    """Return an observer that nobody looks at: the runs of the daemon report through Dagster alone."""
    return Observer()
