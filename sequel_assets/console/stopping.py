"""Being stopped: Ctrl-C, SIGTERM and a closed terminal all end a command the same way."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """Turn the signals into `KeyboardInterrupt`, also where the caller of the program had Ctrl-C ignored.

    Yields a function that raises `KeyboardInterrupt` when a signal came since it was last called: while it executes a
    run Dagster has handlers of its own, which end that run (or miss the signal between two steps), and nothing else.
    """
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)

    def raise_if_asked() -> None:
        try:
            numbers = os.read(reading, 256)
        except BlockingIOError:
            return
        if any(number in numbers for number in SIGNALS):
            raise KeyboardInterrupt

    fd_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    before = {signal.SIGINT: signal.signal(signal.SIGINT, _stop), signal.SIGTERM: signal.signal(signal.SIGTERM, _stop)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, _as_ctrl_c)
    try:
        yield raise_if_asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(fd_before)
        os.close(reading)
        os.close(writing)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _as_ctrl_c(_signal: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)  # whose handler may be Dagster's just now
