"""Signals of commands: Ctrl-C, SIGTERM and a closed terminal all end a command the same way.

No signal may be lost: Dagster replaces the handlers while it executes a run, and Python swallows exceptions that are
raised during garbage collection.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RESEND_SECONDS = 0.01


@contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """Turn the signals into `KeyboardInterrupt`, even where the calling program ignores Ctrl-C.

    Yields a function that raises `KeyboardInterrupt` when a signal came since its last call. While Dagster executes a
    run its own handlers are active: they end that run (or miss the signal between two steps), but not the command.
    """
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)

    def raise_if_signalled() -> None:
        try:
            numbers = os.read(reading, 256)
        except BlockingIOError:
            return
        if any(number in numbers for number in SIGNALS):
            raise KeyboardInterrupt

    fd_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, _raise_interrupt),
        signal.SIGTERM: signal.signal(signal.SIGTERM, _raise_interrupt),
    }
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, _as_ctrl_c)
    hook_before = sys.unraisablehook

    def resend_signal(unraisable: Any) -> None:
        """Send a signal once more that came during garbage collection, where Python prints exceptions and continues."""
        error_type = unraisable.exc_type  # KeyboardInterrupt, or the one that Dagster raises in its place
        if not issubclass(error_type, Exception | SystemExit | GeneratorExit):
            threading.Timer(RESEND_SECONDS, os.kill, (os.getpid(), signal.SIGINT)).start()
        else:
            hook_before(unraisable)

    sys.unraisablehook = resend_signal
    try:
        yield raise_if_signalled
    finally:
        sys.unraisablehook = hook_before
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(fd_before)
        os.close(reading)
        os.close(writing)


def exit_on_second_signal(code: int) -> None:
    """Make a second signal end the process without a message: it is ending already, and Python would print a traceback."""
    for number in SIGNALS:
        with suppress(ValueError):  # not in the main thread
            signal.signal(number, lambda *_: os._exit(code))


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Defer signals until a process has started: one in between would leave a process that nobody ends.

    They are not blocked, since the process would inherit the mask.
    """
    received: list[int] = []
    before = {number: signal.signal(number, lambda each, _: received.append(each)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if received:
            signal.raise_signal(received[0])


def was_killed(process: int) -> bool:
    """Say whether the process that left something behind on this machine is gone, given its number."""
    if process == os.getpid():
        return True  # an earlier process had the same number: this one has left nothing behind yet
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _raise_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _as_ctrl_c(_signal: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)  # Dagster handles SIGINT while it executes a run, but not SIGHUP
