"""The kinds of messages: what one means, whether data are safe, what to do next. Each room of the package has its kind.

A new room has to be given one here: `kind_of` fails until it has.
"""

from dataclasses import dataclass

from tools.messages.collecting import Message


@dataclass(frozen=True)
class Kind:
    """What is true of every message of a kind; `rooms` are beginnings of modules, the longest that fits decides."""

    title: str
    means: str
    data: str
    next: str
    rooms: tuple[str, ...]


SPOKEN = Kind(
    "What commands say while they work",
    "No error: what was done, what is left out and why, where to look. On the standard output, or in the log of a run.",
    "As the message says; nothing is wrong.",
    "Nothing, unless the message names a command.",
    (),
)
KINDS = (
    Kind(
        "A command is called in a way that cannot be right",
        "An argument is wrong, missing, or does not go with another one. The command ends with 2 before it does anything. Lines that begin "
        "with *No such option*, *No such command*, *Missing option* or *Invalid value* are of Typer, which reads the arguments.",
        "Nothing was written and nothing was requested.",
        "Do what the line says, and run the command again; `--help` has an example.",
        ("cli/", "refresh/discovery/partition_keys.py"),
    ),
    Kind(
        "A notebook or `query` asks for something that is not there",
        "`sequel_assets.open_warehouse()` and `sequel-assets query` read what is kept, and refuse what they cannot answer rightly.",
        "Nothing is written or requested by them, whatever happens.",
        "Do what the line says ([notebooks.md](notebooks.md), [queries.md](queries.md)).",
        ("__init__.py", "queries/"),
    ),
    Kind(
        "A lake cannot be used as it is",
        "`sequel-assets export --layout lake` or `query --engine duckdb` finds a lake that is not as an export left it, is another "
        "warehouse's, was made with other options, or is in a storage that cannot be reached ([scaling.md](scaling.md)).",
        "The lake is as it was, and the warehouse is never changed by either command.",
        "Do what the line says ([scaling.md](scaling.md#what-is-refused-and-what-to-do)).",
        ("queries/lake/", "queries/engines/", "cli/lake/"),
    ),
    Kind(
        "A component in a Dagster project does not load",
        "`SequelComponent` finds something in its YAML that cannot be right; Dagster shows the line for the code location.",
        "Nothing was written and nothing was requested: no run starts while the location does not load.",
        "Change the YAML as the line says ([in-your-dagster-project.md](in-your-dagster-project.md)).",
        ("component/",),
    ),
    Kind(
        "A setting is missing or wrong",
        "An environment variable, or a line of `.env`, cannot be what it should be. Commands end with 2; runs fail with this line.",
        "Nothing was written and nothing was requested.",
        "Set it as the example in the line shows ([settings.md](settings.md)); restart Dagster and the receiver, which read it once.",
        ("settings/", "safety/", "sequel/config.py", "sequel/paths.py", "refresh/core/"),
    ),
    Kind(
        "Dagster's home or storage cannot be used",
        "`DAGSTER_HOME` or the database in which Dagster keeps its runs. The warehouse is another one.",
        "What was committed to the warehouse stays. The partition view may lack what was not reported.",
        "Repair what the line names, run the same command again, then `sequel-assets repair` ([operations.md](operations.md)).",
        ("cli/support/dagster_home.py", "orchestration/storage/"),
    ),
    Kind(
        "The warehouse cannot be used as it is",
        "The database is away, locked, full, of another release, or its address is wrong ([databases.md](databases.md)).",
        "A transaction is stored whole or not at all, and the line says which.",
        "Do what the line says. A connection that ended is waited for by itself; an older schema wants `sequel-assets migrate`.",
        ("warehouse/", "queries/existing_warehouse.py"),
    ),
    Kind(
        "The warehouse is another account's",
        "Company, API host or person key differ from what the warehouse was made with "
        "([operations.md](operations.md#whose-warehouse-it-is-sequel-assets-identity)).",
        "Nothing was written and nothing was requested.",
        "Set what `sequel-assets identity` shows, or give the other account a warehouse of its own.",
        ("warehouse/identity/",),
    ),
    Kind(
        "A key of the webhooks' secrets is wrong",
        "`SEQUEL_WEBHOOK_SECRET_KEY` is no key, or not the one that the stored secrets were encrypted with.",
        "Nothing was changed. Deliveries meanwhile are answered with 500, which Sequel repeats.",
        "Put the former key behind the new one, after a comma; if it is lost: `sequel-assets webhooks ensure`.",
        ("warehouse/stores/sealing.py",),
    ),
    Kind(
        "Sequel cannot be reached, or refuses",
        "No connection, no complete answer, no sign-in, or a status that is an error. Commands end with 3 where nothing could go on.",
        "What was committed stays; of the slices concerned nothing was written, and their former rows stay.",
        "Check the network and the credentials, then run the same command again. The next hour tries again by itself.",
        ("sequel/", "sequel/transport/"),
    ),
    Kind(
        "Sequel answers something else than it documents",
        "A field is missing, of another kind, or beyond all bounds. Parts of a line such as *... is of the wrong shape: ...*.",
        "Nothing of the answer was used; the slices concerned keep their former rows and have a problem.",
        "`sequel-assets status` names them. If it stays, look at the answer with `SEQUEL_DEBUG_ANSWERS` "
        "([operations.md](operations.md#what-sequel-answered-to-the-letter)), and report it.",
        ("sequel/endpoints/", "sequel/parsing/"),
    ),
    Kind(
        "The numbers of an event do not add up",
        "A list and its total, a range and its days, or two answers contradict each other "
        "([how-a-fetch-verifies.md](how-a-fetch-verifies.md)). Often Sequel was computing just then.",
        "Nothing of that event's slice was written; its former rows stay, other events' are new.",
        "Nothing at first: the next hour requests it again. If it stays for days, ask Sequel; `sequel-assets exclude` leaves the event out.",
        ("refresh/",),
    ),
    Kind(
        "A run, a sensor or a schedule in Dagster",
        "Why a run failed, or why a tick started none. A list of slices follows where some failed.",
        "Slices that are not named are stored; those that are named keep their former rows.",
        "Do what the line says. Without it: the next hour makes up for it, or materialize the named partitions.",
        ("orchestration/",),
    ),
    Kind(
        "A check",
        "What a check says on its page, and in an alert: red with the slices concerned, or well. See [freshness.md](freshness.md), "
        "[reconciliation.md](reconciliation.md), [alerts.md](alerts.md).",
        "A check changes nothing. A red one of freshness or reconciliation names numbers that are not to be relied on.",
        "[troubleshooting.md](troubleshooting.md#a-check-is-red), by the check's name.",
        ("orchestration/checks/", "reconciliation/"),
    ),
    Kind(
        "The receiver refuses a delivery, or cannot start",
        "How a delivery was answered ([webhooks.md](webhooks.md#what-is-answered-and-why)), in the receiver's log and in the answer.",
        "A delivery that was not answered with 200 is not stored. Numbers never come from deliveries: the hour fetches them anyway.",
        "[troubleshooting.md](troubleshooting.md#webhooks-do-not-arrive).",
        ("webhooks/receiver/", "webhooks/processing/"),
    ),
    Kind(
        "A subscription could not be made, extended, renewed or deleted",
        "Sequel refused or did not answer while the webhooks' subscriptions were brought into order.",
        "What is valid stays valid, and what is in doubt is replaced. No delivery is lost that the sweep would not find.",
        "Nothing at first: the reconciler looks every four hours, `sequel-assets webhooks ensure` at once.",
        ("webhooks/subscriptions/",),
    ),
    Kind(
        "The demo and the sandbox",
        "Of `sequel-assets demo` and `sequel-assets sandbox`, which have nothing to do with a real account.",
        "Your warehouse is not touched: the demo has one of its own in `.sequel/demo`.",
        "Do what the line says, or start it again.",
        ("cli/demo/", "cli/commands/sandbox.py"),
    ),
)


def kind_of(message: Message) -> Kind:
    """Return the kind of a message: by its room, the longest that fits."""
    if not message.is_error:
        return SPOKEN
    fitting = [(room, kind) for kind in KINDS for room in kind.rooms if message.module.startswith(room)]
    if not fitting:
        raise ValueError(f"{message.module} prints {message.text!r}: give its room a kind in tools/messages/kinds.py")
    return max(fitting, key=lambda found: len(found[0]))[1]
