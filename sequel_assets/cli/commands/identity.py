"""`sequel-assets identity` and `migrate`: what the warehouse was made with, and bringing an older one to this release."""

from sequel_assets.cli.support.terminal import console, table
from sequel_assets.cli.support.warehouse import stored
from sequel_assets.refresh.core import config
from sequel_assets.settings import Settings
from sequel_assets.warehouse import schema
from sequel_assets.warehouse.identity import identity
from sequel_assets.warehouse.stores.people import RULE_VERSION

NOT_YET = "The warehouse does not say yet what it was made with: the first backfill writes it down."


def migrate(settings: Settings) -> int:
    """Bring tables, and people's ids where the settings are there that they hang on, to this release; return the exit code."""
    warehouse = config.open_warehouse(settings)
    has_schema = f"the warehouse has schema {schema.newest()}"
    try:
        with warehouse.read() as connection:
            is_current = schema.version(connection) == schema.newest()
        if not is_current:
            schema.migrate(warehouse)
            console().print(has_schema)
        with warehouse.read() as connection:
            is_filled = identity.root_of(connection) is not None
        if is_filled:
            warehouse.ensure_writable()
        with warehouse.read() as connection:
            is_adopted = identity.stored_identity(connection) is not None
    finally:
        warehouse.dispose()
    if is_current:
        console().print(has_schema)
    if is_filled and not is_adopted:
        console().print(
            f"its people's ids are not brought to this release's rule ({RULE_VERSION}) yet: the first backfill does that, or "
            "this command with SEQUEL_COMPANY_ID and SEQUEL_PERSON_KEY set"
        )
    return 0


def show(settings: Settings) -> int:
    """Show the identity, without any secret, and return the exit code; settings that differ are refused by name."""
    with stored(settings) as warehouse:
        with warehouse.read() as connection:
            found = identity.stored_identity(connection)
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
        table("The warehouse was made with", ("what", "value"), rows)
        warehouse.ensure_writable()
    console().print("These settings are the same, as far as they are set.")
    return 0


def move_host(settings: Settings) -> int:
    """Make the host of SEQUEL_API_URL the warehouse's, where all else is the same; return the exit code."""
    settings.require("company_id", "person_key")
    with stored(settings, root_only=True) as warehouse:
        was, now = identity.move_host(warehouse, config.mine(settings))
    console().print(f"The warehouse's API host was {was} and is {now}.", markup=False)
    return 0
