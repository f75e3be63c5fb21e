"""Where Dagster keeps its runs: DAGSTER_HOME, or a folder beneath the working directory that nobody else uses."""

import os
import shutil
from pathlib import Path

from sequel_assets.settings import DATA_FOLDER

from .output import UsageError


def dagster_home() -> Path:
    """Return Dagster's home, made if it is the default one, and put it into the environment for Dagster and its children.

    The default home gets the `dagster.yaml` of the working directory, if there is one.
    """
    told = os.environ.get("DAGSTER_HOME")
    if told:
        home = Path(told)
        if not home.is_absolute():
            raise UsageError(
                f"DAGSTER_HOME: {told} is not an absolute path. What it is: the folder where Dagster keeps its runs. Example: /var/lib/dagster"
            )
        if not home.is_dir():
            raise UsageError(
                f"DAGSTER_HOME: there is no folder {told}; make it, or leave the variable out to use {DATA_FOLDER}/dagster"
            )
        return home
    home = Path(DATA_FOLDER).absolute() / "dagster"
    prepare(home)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def prepare(home: Path) -> None:
    """Make a home of ours and give it the instance's settings."""
    home.mkdir(parents=True, exist_ok=True)
    source, target = Path("dagster.yaml"), home / "dagster.yaml"
    if source.is_file():
        shutil.copyfile(source, target)
    elif not target.exists():
        target.write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
