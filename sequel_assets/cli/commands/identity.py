"""`sequel-assets identity` and `migrate`: the settings that a warehouse was created with, and its migration.

The identity (root company, API host, fingerprint of the person key) protects a warehouse from being written with other
settings. It is shown without any secret.
"""

from sequel_assets.cli.support.terminal import console, table
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.refresh.core import config
from sequel_assets.settings import Settings
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.identity import identity
from sequel_assets.warehouse.stores.people import RULE_VERSION

NOT_YET = "The warehouse has no recorded identity yet: the first backfill records it."


def migrate(settings: Settings) -> int:
    """Migrate the tables, and people's ids where the settings they depend on are set; return the exit code."""
    warehouse = config.open_warehouse(settings)
    has_schema = f"the warehouse has schema {schema.newest()}"
    try:
        is_current = warehouse.ask(schema.version) == schema.newest()
        if not is_current:
            schema.migrate(warehouse)
            console().print(has_schema)
        is_filled = warehouse.ask(identity.root_of) is not None
        if is_filled:
            warehouse.ensure_writable()
        is_adopted = warehouse.ask(identity.stored_identity) is not None
    finally:
        warehouse.dispose()
    if is_current:
        console().print(has_schema)
    if is_filled and not is_adopted:
        console().print(
            f"its people's ids do not follow this release's rule ({RULE_VERSION}) yet: the first backfill migrates "
            "them, or this command with SEQUEL_COMPANY_ID and SEQUEL_PERSON_KEY set"
        )
    return 0


def show(settings: Settings) -> int:
    """Print the identity, without any secret, and return the exit code; settings that differ are refused by name."""
    with stored(settings) as warehouse:
        found = warehouse.ask(identity.stored_identity)
        if found is None:
            console().print(NOT_YET)
            return 0
        made, at = found
        rows = [
            ("root company", made.company_id),
            ("API host", made.api_host),
            ("person key, fingerprint", made.person_key_fingerprint),
            ("rule of people's ids", made.rule_version),
            ("written at", f"{at:%Y-%m-%d %H:%M:%S}Z"),
        ]
        table("The warehouse was created with", ("what", "value"), rows)
        warehouse.ensure_writable()
    console().print("These settings are the same, as far as they are set.")
    return 0


def move_host(settings: Settings) -> int:
    """Record the host of SEQUEL_API_URL as the warehouse's, where all other settings match; return the exit code."""
    settings.require("company_id", "person_key")
    with stored(settings, root_only=True) as warehouse:
        was, now = identity.move_host(warehouse, config.mine(settings))
    console().print(f"The warehouse's API host was {was} and is {now}.", markup=False)
    return 0
