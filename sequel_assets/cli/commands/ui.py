"""`sequel-assets serve ui`: Dagster's pages and daemon on one's own account until Ctrl-C, as `make dev` starts them."""

from contextlib import ExitStack, suppress

from sequel_assets.cli.support.dagster_home import dagster_home, dagster_instance
from sequel_assets.cli.support.dagster_services import are_serving, dagster_services, free_port_of_ui, wait_for_any
from sequel_assets.cli.support.only_one import only_one
from sequel_assets.cli.support.signals import stoppable
from sequel_assets.cli.support.terminal import console, errors
from sequel_assets.orchestration.storage.event_log import begin_at_newest_event

DONE, FAILED = 0, 1


def serve_ui(*, port: int) -> int:
    """Serve until Ctrl-C, which is the normal end; return the exit code."""
    with stoppable(), suppress(KeyboardInterrupt), ExitStack() as stack:
        with dagster_instance() as instance:  # makes the home, and names it for the processes
            home = dagster_home()
            stack.enter_context(
                only_one(home / "ui.lock", f"another sequel-assets serve ui is running on {home}; end it first")
            )
            begin_at_newest_event(instance)
        free = free_port_of_ui(port)
        address = f"http://127.0.0.1:{free}"
        console().print(f"Dagster starts; its UI will be at {address} (Ctrl-C ends it).")
        with dagster_services(free, reloads=True) as processes:
            if are_serving(processes, address):
                console().print(f"Dagster's UI: {address}  (asset graph: {address}/asset-groups; schedules are on)")
                wait_for_any(processes)
            errors().print("Dagster's UI ended by itself; the lines above say why")
        return FAILED
    return DONE
