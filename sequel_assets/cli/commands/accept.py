"""`sequel-assets accept`: let final days through of which Sequel now returns less than half of the minutes."""

from datetime import date

from sequel_assets.cli.backfill.command import backfill
from sequel_assets.cli.commands.changes import show_changes_of
from sequel_assets.orchestration.run_tags import ACCEPT
from sequel_assets.settings import Settings


def accept(settings: Settings, first: date, last: date, company: str) -> int:
    """Refresh a company's days even where they lose minutes, print what changed, and return the exit code."""
    runs: list[str] = []
    try:
        return backfill(settings, first, last, [company], modes=[ACCEPT], on_run=runs.append)
    finally:
        if runs:
            show_changes_of(settings, runs)
