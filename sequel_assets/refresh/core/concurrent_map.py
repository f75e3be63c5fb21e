"""Several companies side by side, in threads; their results come out in one place as they happen."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar, cast

from sequel_assets.refresh.core.run_context import StopSignal

T = TypeVar("T")
_END = object()


def side_by_side(
    names: Sequence[str], work: Callable[[str], Iterable[T]], *, at_once: int, stop: StopSignal
) -> Iterator[T]:
    """Yield what `work` yields for each name, so many at once; closing the iterator sets `stop` and waits for them.

    Where the work itself ended the run (`stop.error`) every name still gets its turn, since each owes an outcome.
    """
    results: queue.Queue[T | BaseException | object] = queue.Queue()
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in names:
        waiting.put(name)

    def one_after_the_other() -> None:
        try:
            while stop.error is not None or not stop.is_set():
                for item in work(waiting.get_nowait()):
                    results.put(item)
        except queue.Empty:
            pass
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, which raises it
            results.put(error)
        finally:
            results.put(_END)

    threads = [
        threading.Thread(target=one_after_the_other, name=f"company-{n}", daemon=True)
        for n in range(min(at_once, len(names)))
    ]
    try:
        for thread in threads:
            thread.start()
        left = len(threads)
        while left:
            item = results.get()
            if item is _END:
                left -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield cast(T, item)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
