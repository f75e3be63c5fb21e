"""A clock that runs fast for whole processes: a small library, compiled here, is preloaded into them.

Debian's libfaketime (0.9.10) was tried first. With a rate it also bends monotonic clocks and waits, and there Python 3.11
stops: `threading.Event.wait(5)` never ends; with monotonic clocks left alone `time.sleep(5)` is an invalid argument.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")
NANOSECONDS = 1_000_000_000


class FastClock:
    """It is `start` now, and an hour takes `3600 / speed` real seconds, here and in every process with `environment()`."""

    def __init__(self, start: datetime, speed: float) -> None:
        self.start, self.speed = start, speed
        self._began = time.time_ns()

    def now(self) -> datetime:
        """The simulated time, UTC."""
        return self.start + self.simulated((time.time_ns() - self._began) / NANOSECONDS)

    def simulated(self, real_seconds: float) -> timedelta:
        """What goes by on this clock in some real seconds."""
        return timedelta(seconds=real_seconds * self.speed)

    def seconds_until(self, moment: datetime) -> float:
        """Real seconds until a simulated moment; negative once it has passed."""
        return (moment - self.now()) / timedelta(seconds=1) / self.speed

    def environment(self, library: Path) -> dict[str, str]:
        """What a process needs to live by this clock."""
        began = int(self.start.timestamp()) * NANOSECONDS
        return {"LD_PRELOAD": str(library), "FAST_CLOCK": f"{self._began} {began} {self.speed}", "TZ": "UTC"}


def why_not() -> str:
    """Return what is missing here, or nothing."""
    if os.uname().sysname != "Linux":
        return "a clock that runs fast is preloaded by Linux' loader; this is not Linux"
    return "" if shutil.which("cc") else "no C compiler for the fast clock (Debian: gcc, libc6-dev)"


def compile_clock(folder: Path) -> Path:
    """Compile the library into a folder."""
    library = folder / "clock.so"
    command = ["cc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return library


def whole_hour(moment: datetime) -> datetime:
    """The top of the hour at or before a moment."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
