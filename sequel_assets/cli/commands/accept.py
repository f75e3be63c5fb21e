"""`sequel-assets accept`: let final days through that Sequel now tells less than half of."""

from datetime import date

from sequel_assets.cli.backfill.command import backfill
from sequel_assets.cli.commands.changes import show_changes_of
from sequel_assets.orchestration.run_tags import ACCEPT
from sequel_assets.settings import Settings


def accept(settings: Settings, first: date, last: date, company: str) -> int:
    """Refresh a company's days whatever they lose, print what changed, and return the exit code."""
    runs: list[str] = []
    try:
        return backfill(settings, first, last, [company], modes=[ACCEPT], tell_run=runs.append)
    finally:
        if runs:
            show_changes_of(settings, runs)
