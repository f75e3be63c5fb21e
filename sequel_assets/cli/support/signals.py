"""Being stopped: Ctrl-C, SIGTERM and a closed terminal all end a command the same way."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AGAIN_SECONDS = 0.01


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
    hook_before = sys.unraisablehook

    def once_more(told: Any) -> None:
        """Send a signal once more that came while garbage was collected, where Python prints what is raised and goes on."""
        is_interruption = not issubclass(told.exc_type, Exception | SystemExit | GeneratorExit)  # or Dagster's own one
        if is_interruption:
            threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), signal.SIGINT)).start()
        else:
            hook_before(told)

    sys.unraisablehook = once_more
    try:
        yield raise_if_asked
    finally:
        sys.unraisablehook = hook_before
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(fd_before)
        os.close(reading)
        os.close(writing)


def end_at_once_on_second_signal(code: int) -> None:
    """Make another signal end the process without a word: it is ending already, and Python would print where it was."""
    for number in SIGNALS:
        with suppress(ValueError):  # not in the main thread
            signal.signal(number, lambda *_: os._exit(code))


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let the signals wait until a process has been started: one that came in between would leave it to nobody.

    They are not blocked, which the process would inherit.
    """
    came: list[int] = []
    before = {number: signal.signal(number, lambda told, _: came.append(told)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def was_killed(process: int) -> bool:
    """Say whether a process of this machine is gone, though it has left something that it would have taken with it."""
    if process == os.getpid():
        return True  # the number of a process before this one
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _as_ctrl_c(_signal: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)  # whose handler may be Dagster's just now
