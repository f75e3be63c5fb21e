"""The Dagster resources: client and warehouse by the settings, and an observer. Nothing is opened until it is used."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from sequel_assets import settings
from sequel_assets.orchestration.storage.errors import describe
from sequel_assets.refresh.core import config
from sequel_assets.refresh.core.outcomes import Outcome, unexpected
from sequel_assets.refresh.core.progress import Progress
from sequel_assets.refresh.run.shared_places import sharing
from sequel_assets.sequel import SequelClient, SequelError
from sequel_assets.settings import Settings, SettingsError
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError

NEEDED = ("client_id", "client_secret", "company_id", "person_key")
"""The settings without which nothing can be refreshed."""


@contextmanager
def in_one_line() -> Iterator[None]:
    """Turn an error of settings, warehouse or Sequel into a failure with its text alone.

    Of any other error only the kind and place are reported: Dagster would store its text, and that of all chained
    errors.
    """
    try:
        yield
    except (SettingsError, WarehouseError, SequelError) as error:
        raise dg.Failure(str(error)) from None
    except (dg.DagsterError, dg.Failure, dg.RetryRequested):
        raise
    except SQLAlchemyError as error:  # of Dagster's storage: the warehouse's are its own
        raise dg.Failure(describe(error)) from None
    except Exception as error:  # noqa: BLE001
        raise dg.Failure(unexpected(error)) from None


@contextmanager
def current_warehouse(settings: Settings, *, may_create: bool = False) -> Iterator[Warehouse]:
    """Yield the warehouse of the settings, whose schema is of this release; it is closed at the end.

    Where it has no tables yet they are created, if that may be.
    """
    warehouse = config.open_warehouse(settings)
    try:
        (schema.create_if_empty if may_create else schema.ensure_current)(warehouse)
        yield warehouse
    finally:
        warehouse.dispose()


class Platform:
    """The platform as its settings describe it; a missing setting raises only when it is needed.

    A given `client` serves all runs, so that they share its token; else each run opens one of its own. `load` reads the
    settings, by default those of the environment.
    """

    def __init__(
        self, client: SequelClient | None = None, load: Callable[[], settings.Settings] = settings.load
    ) -> None:
        self._client, self._load = client, load

    def settings(self) -> settings.Settings:
        """Read the settings."""
        return self._load()

    @contextmanager
    def opened(self, companies: int = 1) -> Iterator[tuple[SequelClient, Warehouse]]:
        """Yield a client and the warehouse, created if there is none, closed at the end; errors fail the run.

        A client of the run's own shares its requests under way with all other processes; `companies` is how many it is for.
        """
        with in_one_line():
            now = self.settings()
            now.require(*NEEDED)
            with (
                current_warehouse(now, may_create=True) as warehouse,
                nullcontext(self._client) if self._client else closing(config.open_client(now)) as client,
            ):
                warehouse.ensure_writable()
                with nullcontext() if self._client else sharing(client, warehouse, companies=companies):
                    yield client, warehouse

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        """Yield the warehouse, whose schema is of this release."""
        with in_one_line(), current_warehouse(self.settings()) as warehouse:
            yield warehouse


class Observer:
    """Receives each outcome as it happens; the command line shows its progress through one."""

    def __init__(self, on_outcome: Callable[[Outcome], None] = lambda _: None) -> None:
        self.on_outcome = on_outcome
        self.run_id = ""
        """The run, once it has begun."""
        self.progress: Progress | None = None
        """How far the run is, once it has begun."""
        self.fatal: SequelError | None = None
        """The error that ended a run for every company, once there was one."""


@dg.resource(description="Receives each outcome as it happens")
def no_observer() -> Observer:
    """Return an observer that does nothing: the runs of the daemon report through Dagster alone."""
    return Observer()
