"""`sequel-assets serve worker`: executes Dagster's runs on this host, until Ctrl-C or SIGTERM.

What would fail every run (settings, another warehouse, another release, another person key, no Redis) ends the command in one line
before it takes a run.
"""

import secrets
import socket
from importlib.util import find_spec

from sequel_assets.cli.support.dagster_home import dagster_home, dagster_instance
from sequel_assets.cli.support.terminal import UsageError, console
from sequel_assets.orchestration.hosts.worker import app_of, is_reachable, work
from sequel_assets.orchestration.resources import NEEDED
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.safety.visible import visible
from sequel_assets.settings import Settings

MEANING = "docs/more-hosts.md says what belongs there"


def serve_worker(settings: Settings, *, concurrency: int, name: str) -> int:
    """Work until the command is stopped; return the exit code."""
    if find_spec("dagster_celery") is None:
        raise UsageError("dagster-celery is not installed here; pip install 'sequel_assets[celery,postgres]'")
    settings.require(*NEEDED)
    if settings.warehouse_url.startswith("sqlite"):
        raise UsageError(
            "SEQUEL_WAREHOUSE_URL: a SQLite file belongs to one host, so workers on several need PostgreSQL; no run was taken"
        )
    with stored(settings, writes=True):  # another release, root, host or person key is refused here
        pass
    with dagster_instance() as instance:
        app = app_of(instance)
        if app is None:
            raise UsageError(
                f"DAGSTER_HOME {dagster_home()}: its dagster.yaml hands no runs to workers (run_launcher); {MEANING}"
            )
        if not is_reachable(app):
            raise UsageError(
                f"Redis does not answer at {_address(app)}; no run was taken and none is lost; look at "
                "DAGSTER_CELERY_BROKER_URL and at the server, then start the worker again"
            )
        host = socket.gethostname()
        console().print(f"worker {visible(f'{name}@{host}')} takes runs, {concurrency} at once (Ctrl-C ends it)")
        return work(app, concurrency=concurrency, name=f"{name}-{secrets.token_hex(3)}@{host}")


def _address(app: object) -> str:
    """Return where Redis should be, without its password."""
    return str(app.connection_for_write().as_uri(include_password=False, mask="**"))  # type: ignore[attr-defined]
