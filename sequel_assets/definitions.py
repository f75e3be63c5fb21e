"""The code location of this project: the component with its defaults, in a Dagster that holds nothing else.

Its settings are those of the environment and `.env`, read when Dagster loads it and not at import.
"""

import dagster as dg

from sequel_assets.component.component import SequelComponent


@dg.definitions
def defs() -> dg.Definitions:
    """Return its definitions; what somebody materializes in the UI runs in one process too."""
    platform = SequelComponent(housekeeping=True).definitions()
    return dg.Definitions.merge(platform, dg.Definitions(executor=dg.in_process_executor))
