"""Names of variables that are nearly those of settings: each would be left out without a word. Nothing here reads a value."""

import os
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from dotenv import dotenv_values

from sequel_assets.settings import PREFIX, Settings, variable

LIKENESS = 0.8
"""From which on a name is taken for another one's; `SEQUEL_START_DAY` is that of `SEQUEL_START_DATE`."""


def misspelt(names: Iterable[str], known: Collection[str]) -> list[tuple[str, str]]:
    """Return each name that is most like a known one which is not there itself, with that one. Pure."""
    given = {*names}
    unknown = sorted(name for name in given - {*known} if name.startswith(PREFIX))
    nearest = [(name, get_close_matches(name, known, 1, LIKENESS)) for name in unknown]
    return [(name, near[0]) for name, near in nearest if near and near[0] not in given]


def misspelt_settings() -> list[str]:
    """Return a line for each variable of the environment or of `.env` that is no setting and looks like one."""
    try:
        in_file = dotenv_values(".env").keys()
    except (OSError, UnicodeDecodeError):  # `load` says so, where settings are needed
        in_file = {}.keys()
    names = {*(name.upper() for name in in_file), *(name.upper() for name in os.environ)}
    found = misspelt(names, [variable(field) for field in Settings.model_fields])
    return [f"{name} is no setting and is ignored; did you mean {meant}?" for name, meant in found]
