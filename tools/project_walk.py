"""`make project`: walks docs/in-your-dagster-project.md by its own commands, from `create-dagster` to a green slice and two instances.

The commands are read from the page, so the page cannot say what does not work. Sequel is the sandbox, started from the wheel.
Run by the Python of `.venv-tools`, after `tools/dist.py` has made the wheel; it leaves nothing behind.
"""

import json
import os
import re
import shlex
import socket
import subprocess
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "in-your-dagster-project.md"
CHAPTER = re.compile(r"^## From nothing to a green slice$(.*?)^## ", re.MULTILINE | re.DOTALL)
LIMIT_SECONDS = 300
"""From `create-dagster project` to a green slice."""
LOOK = """
import dagster as dg
with dg.DagsterInstance.get() as instance:
    event = instance.get_latest_materialization_event(dg.AssetKey(["sequel", "daily_usage"]))
    materialization = event.asset_materialization
    print(materialization.partition, materialization.metadata["status"].value)
    print(*sorted(instance.get_dynamic_partitions("sequel_company")))
"""
"""What Dagster has of the slice, and the partitions of the instance."""


def blocks(page: str) -> list[list[str]]:
    """Return the code blocks of the chapter, each as its lines. Pure."""
    found = CHAPTER.search(page)
    if found is None:
        raise SystemExit(f"{PAGE.name} has no chapter that leads to a green slice")
    parts = re.findall(r"(?:^ {4}.*\n)+", found[1], re.MULTILINE)
    return [[line[4:].split(" # ")[0].rstrip() for line in part.splitlines()] for part in parts]


def commands(page: str, wheel: Path, first_day: str) -> tuple[list[str], list[str], list[str]]:
    """Return the page's commands before the settings, the settings, and the commands after them. Pure."""
    making, scaffold, settings, running = blocks(page)
    before = [re.sub(r"PATH/TO/\S+", str(wheel), line) for line in making + scaffold]
    return before, [re.sub(r"(START_DATE)=.*", rf"\1={first_day}", line) for line in settings], running


class Walk:
    """A folder, the commands that are run in it one after the other in one environment, and how long each takes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.took = folder, list[tuple[str, float]]()
        self.env = {
            name: value
            for name, value in os.environ.items()
            if not re.match("SEQUEL_|DAGSTER_|PYTHON|VIRTUAL_ENV", name)
        }

    def run(self, command: str) -> str:
        """Run a line of bash; the folder and the environment that it leaves are those of the next one. Returns what it printed.

        `status` may end with 1: much is late before the first slice.
        """
        print("$", command, flush=True)
        state = self.folder.parent / "state"
        began = time.monotonic()
        allowed = " || [ $? = 1 ]" if " status" in command else ""
        script = f"set -e\n{command}{allowed}\n{{ pwd; env -0; }} > {shlex.quote(str(state))}"
        done = subprocess.run(["bash", "-c", script], cwd=self.folder, env=self.env, capture_output=True, text=True)  # noqa: S603, S607 - the page's own
        self.took.append((command, time.monotonic() - began))
        if done.returncode:
            raise SystemExit(f"{command} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        place, _, variables = state.read_text().partition("\n")
        self.folder = Path(place)
        self.env = dict(pair.split("=", 1) for pair in variables.split("\0") if "=" in pair)
        return done.stdout


@contextmanager
def sandbox(command: Path, folder: Path) -> Iterator[dict[str, str]]:
    """A sandbox that runs meanwhile, and the settings that lead to it, as it prints them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    arguments = [str(command), "sandbox", "--port", port]
    with subprocess.Popen(arguments, cwd=folder, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        told: dict[str, str] = {}
        try:
            for line in process.stdout or ():
                if found := re.fullmatch(r"export (\w+)=(.*)\n", line):
                    told[found[1]] = found[2]
                if "SEQUEL_COMPANY_ID" in told:
                    break
            yield told
        finally:
            process.terminate()


def walk(wheel: Path, base: Path) -> None:
    """Do what the page says, and end the program where it does not come out."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    before, settings, running = commands(PAGE.read_text(), wheel, str(yesterday - timedelta(days=1)))
    venv.create(base / "tools", with_pip=True)  # `pip install create-dagster` is for everybody's own Python
    (base / "work").mkdir()
    going = Walk(base / "work")
    going.env["PATH"] = f"{base / 'tools' / 'bin'}:{going.env['PATH']}"
    going.run(before[0])
    began = time.monotonic()
    for line in before[1:]:
        going.run(line)
    with sandbox(going.folder / ".venv" / "bin" / "sequel-assets", base) as told:
        known = {
            "SEQUEL_PERSON_KEY": "0123456789abcdef" * 4,
            "SEQUEL_WAREHOUSE_URL": f"sqlite:///{base}/warehouse.db",
            **told,
        }
        names = [line.partition("=")[0] for line in settings]
        lines = [
            f"{name}={known.get(name, line.partition('=')[2])}" for name, line in zip(names, settings, strict=True)
        ]
        lines += [f"{name}={value}" for name, value in known.items() if name not in names]
        (going.folder / ".env").write_text("\n".join(lines) + "\n")
        given = dict(line.split("=", 1) for line in lines)
        key = ""
        for line in running:
            if line == "dg dev":  # serves until it is stopped
                continue
            if "status" in line:
                going.env.update(given)
                companies = json.loads(going.run(f"{line} --format json"))["companies"]
                key = companies[0]["company"]
                going.env = {name: value for name, value in going.env.items() if name not in given}
                continue
            going.run(re.sub(r'--partition "[^"]+"', f"--partition '{key}|{yesterday}'", line))
        slice_line, partitions = going.run(f"python -c {shlex.quote(LOOK)}").splitlines()
        seconds = time.monotonic() - began
        if slice_line != f"{key}|{yesterday} refreshed":
            raise SystemExit(f"the slice is not green: {slice_line}")
        going.run("dg scaffold defs sequel_assets.SequelComponent emea")
        with (going.folder / ".env").open("a") as file:
            file.writelines(f"EMEA_{line}\n" for line in lines if "WAREHOUSE_URL" not in line)
            file.write(f"EMEA_SEQUEL_WAREHOUSE_URL=sqlite:///{base}/emea.db\n")
        going.run("dg check defs")
        going.run("dg launch --job emea_refresh_catalog")
        again = going.run(f"python -c {shlex.quote(LOOK)}").splitlines()
        if again != [slice_line, partitions]:
            raise SystemExit(f"the second instance has touched the first: {again}")
    for command, took in going.took:
        print(f"{took:7.1f} s  {command.splitlines()[0][:110]}")
    print(f"{seconds:7.1f} s  from `create-dagster project` to a green slice (at most {LIMIT_SECONDS})")
    if seconds > LIMIT_SECONDS:
        raise SystemExit(1)


def main() -> None:
    """Walk with the wheel that is in `dist`."""
    (wheel,) = (PROJECT / "dist").glob("*.whl")
    with tempfile.TemporaryDirectory(prefix="sequel-assets-") as folder:
        walk(wheel, Path(folder).resolve())


if __name__ == "__main__":
    main()
