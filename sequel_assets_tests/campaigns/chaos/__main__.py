"""`make chaos`: 20,000 deliveries on both databases; prints a line for each and fails if anything is otherwise."""

import argparse
import tempfile
from pathlib import Path

from sequel_assets.cli.support.terminal import console
from sequel_assets_tests.campaigns.chaos.afternoon import Afternoon
from sequel_assets_tests.campaigns.chaos.size import Size
from sequel_assets_tests.support.postgres import PostgresServer


def main() -> None:
    """Let one afternoon go by on SQLite, and one on PostgreSQL."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--deliveries", type=int, default=20_000)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    told = parser.parse_args()
    size = Size(companies=8, events=60, people=150, steps=60, deliveries=told.deliveries, kill_every=8)
    for kind in told.databases:
        with tempfile.TemporaryDirectory() as folder:
            server = PostgresServer.start() if kind == "postgresql" else None
            try:
                url = server.url("postgres") if server else f"sqlite:///{folder}/warehouse.db"
                with Afternoon(Path(folder), url, size) as afternoon:
                    account = afternoon.run()
            finally:
                if server:
                    server.stop()
        answers = ", ".join(f"{count} with {status or 'nothing'}" for status, count in sorted(account.answers.items()))
        console().print(
            f"{kind}: {account.answers.total()} POSTs answered ({answers}); {account.acknowledged} deliveries acknowledged, "
            f"{account.kills} kills, {account.runs} runs for {account.events} events, {account.seconds:.0f} s: "
            "all handled, each effect once, every table true",
        )


if __name__ == "__main__":
    main()
