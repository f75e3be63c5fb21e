"""`make dist`: builds sdist and wheel, checks them as an index does, and runs the wheel where nothing of the checkout is.

Run by the Python of `.venv-tools`. It uploads nothing.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Collection
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
NEEDED = (
    "sequel_assets/py.typed",
    "sequel_assets/warehouse/migrations/script.py.mako",
    "sequel_assets/warehouse/migrations/env.py",
    "sequel_assets/warehouse/migrations/versions/0001_baseline.py",
    "sequel_assets/component/component.py",
)
"""Files without which an installed package cannot work, and that a build may forget."""
ENTRY_POINTS = "[console_scripts]\nsequel-assets = sequel_assets.cli.app:main\n\n[dagster_dg_cli.registry_modules]\nsequel_assets = sequel_assets\n"
DEMO = ("demo", "--once", "--days", "2", "--companies", "2")


def missing(names: Collection[str]) -> list[str]:
    """Return what a wheel with these files lacks, or has and should not, a line each. Pure."""
    lines = [f"{name} is not in the wheel" for name in NEEDED if name not in names]
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    return lines + [f"{top} does not belong into the wheel" for top in sorted(tops - {"sequel_assets"})]


def _run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> None:
    print("$", " ".join(str(part) for part in command), flush=True)
    subprocess.run([str(part) for part in command], cwd=cwd, env=env, check=True)  # noqa: S603 - commands of this module


def build(into: Path) -> Path:
    """Build sdist and wheel, check them, and return the wheel; what they lack ends the program."""
    for left in (PROJECT / "build", into):
        shutil.rmtree(left, ignore_errors=True)  # setuptools would put files of an older build into the wheel
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", into, PROJECT, cwd=PROJECT)
    _run(sys.executable, "-m", "twine", "check", "--strict", *into.iterdir(), cwd=PROJECT)
    (wheel,) = into.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        names = files.namelist()
        (said,) = (files.read(name).decode() for name in names if name.endswith(".dist-info/entry_points.txt"))
    wrong = missing(names) + (
        [] if said.strip() == ENTRY_POINTS.strip() else [f"entry points are not:\n{ENTRY_POINTS}"]
    )
    if wrong:
        raise SystemExit("\n".join(wrong))
    return wheel


def try_out(wheel: Path) -> None:
    """Install a wheel into a fresh environment outside of the checkout, and run its demo there."""
    with tempfile.TemporaryDirectory(prefix="sequel-assets-") as folder:
        place = Path(folder).resolve()
        if place.is_relative_to(PROJECT):
            raise SystemExit(f"{place} is in the checkout; set TMPDIR to a folder outside of it")
        venv.create(place / "venv", with_pip=True)
        binaries = place / "venv" / "bin"
        env = {name: value for name, value in os.environ.items() if not re.match("SEQUEL_|DAGSTER_|PYTHON", name)}
        _run(binaries / "pip", "install", "--quiet", "--disable-pip-version-check", wheel, cwd=place, env=env)
        _run(binaries / "sequel-assets", "--version", cwd=place, env=env)
        _run(binaries / "sequel-assets", *DEMO, cwd=place, env=env)


def main() -> None:
    """Build, check and try out."""
    began = time.monotonic()
    wheel = build(PROJECT / "dist")
    try_out(wheel)
    print(f"{wheel.relative_to(PROJECT)} is fit for an index ({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"ended with {error.returncode}: {' '.join(error.cmd)}") from None
