"""Several companies side by side, in threads; what they have to tell comes out in one place as it happens."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def side_by_side(
    names: Sequence[str],
    work: Callable[[str], Iterable[T]],
    *,
    at_once: int,
    stop: threading.Event,
    ended: Callable[[], bool],
) -> Iterator[T]:
    """Yield what `work` yields for each name, so many at once; closing the iterator sets `stop` and waits for them.

    A `stop` that was not asked for by the caller (the work itself `ended`) still gives every name its turn.
    """
    told: queue.Queue[tuple[T | None, BaseException | None, bool]] = queue.Queue()
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in names:
        waiting.put(name)

    def one_after_the_other() -> None:
        try:
            while ended() or not stop.is_set():
                for item in work(waiting.get_nowait()):
                    told.put((item, None, False))
        except queue.Empty:
            pass
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, which raises it
            told.put((None, error, False))
        finally:
            told.put((None, None, True))

    threads = [
        threading.Thread(target=one_after_the_other, name=f"company-{n}", daemon=True)
        for n in range(min(at_once, len(names)))
    ]
    try:
        for thread in threads:
            thread.start()
        done = 0
        while done < len(threads):
            item, error, is_end = told.get()
            if error is not None:
                raise error
            if is_end:
                done += 1
            elif item is not None:
                yield item
    finally:
        stop.set()
        for thread in threads:
            thread.join()
