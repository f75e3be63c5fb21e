"""The small chart: a few kilobytes, the same bytes for the same days, nothing for nothing."""

from __future__ import annotations

import base64
import io
import random
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from sequel_assets.insights.daily_usage import daily_usage
from sequel_assets.orchestration.reporting.charts.daily import (
    DAYS,
    MAX_BYTES,
    MIN_DAYS,
    Day,
    days_in_line,
    draw,
    read_days,
)
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.tables.core import companies

LAST = date(2026, 11, 23)
KEY = "acme-events.3f9a1c07"


def days(seed: int, most: int = 9000, number: int = DAYS) -> list[Day]:
    chance = random.Random(seed)
    return [
        (
            LAST - timedelta(days=n),
            chance.randrange(most),
            chance.randrange(most),
            chance.choice([None, chance.randrange(most)]),
        )
        for n in range(number)
    ]


def drawn(markdown: str) -> bytes:
    """Return the bytes of the PNG in it."""
    found = re.fullmatch(r"!\[(?:[^\]\\]|\\.)*\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)", markdown)
    assert found, markdown[:200]
    return base64.b64decode(found[1], validate=True)


def test_it_is_a_png_that_says_its_sums_in_words() -> None:
    """For who does not see it."""
    markdown = draw(KEY, [(LAST, 1200, 34, 7), (LAST - timedelta(days=1), 0, 0, 0)])
    assert drawn(markdown).startswith(b"\x89PNG")
    assert markdown.startswith(
        "![acme-events.3f9a1c07, 2026-11-17 to 2026-11-23: 1,200 live minutes, 34 on demand](data:image/png;base64,"
    )


def test_no_days_no_picture() -> None:
    """Nothing is shown of a company that was never refreshed."""
    assert (draw(KEY, []), days_in_line([])) == ("", "")


def test_it_begins_with_the_first_day_that_has_any_use() -> None:
    """At least a week, at most 30 days; picture and line alike. A day that is missing is a dot."""
    idle = [(LAST - timedelta(days=n), 0, 0, 0) for n in range(DAYS)]
    used = {12: (30, 10, 4), 10: (0, 0, 0), 3: (80, 0, 9), 0: (5, 0, 1)}
    some = [(day, *used.get(n, (0, 0, 0))) for n, (day, *_) in enumerate(idle) if n != 7]
    assert days_in_line(some) == "125 minutes, at most 80 a day ▅▁▁▁▁·▁▁▁█▁▁▂ to 2026-11-23"
    assert days_in_line(idle) == "0 minutes, at most 0 a day ▁▁▁▁▁▁▁ to 2026-11-23"
    assert draw(KEY, some).startswith(rf"![{KEY}, 2026-11-11 to 2026-11-23: 115 live minutes, 10 on demand]")
    assert draw(KEY, idle) == draw(KEY, idle[:MIN_DAYS])


def test_the_same_days_give_the_same_bytes_in_any_order_and_thread() -> None:
    """So that a slice's metadata is the same when its numbers are."""
    once = draw(KEY, days(1))
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda _: draw(KEY, days(1)[::-1]), range(4)))
    assert again == [once] * 4
    assert draw(KEY, days(2)) != once


@pytest.mark.sampled(2)
@pytest.mark.parametrize("most", [1, 10, 10**6, 10**12])
def test_it_is_never_larger_than_the_bound(most: int) -> None:
    """Whatever the numbers and however long the name; and there always is a picture."""
    for seed in range(3):
        for name in (KEY, "W" * 200):
            markdown = draw(name, days(seed, most))
            assert len(markdown.encode()) <= MAX_BYTES
            drawn(markdown)


def test_only_the_last_thirty_days_are_shown() -> None:
    """Older ones change nothing; a day that is missing is a gap and not a zero."""
    assert draw(KEY, days(5, number=90)) == draw(KEY, days(5, number=90)[:DAYS])
    idle = [(LAST - timedelta(days=n), 5, 5, 5 if n != 7 else 0) for n in range(DAYS)]
    gap = [day for day in idle if day[0] != LAST - timedelta(days=7)]
    assert draw(KEY, idle).split("base64,")[1] != draw(KEY, gap).split("base64,")[1]


@pytest.mark.parametrize(
    "name", ["a](javascript:x) ![", "$x^2$ $\\frac{", "<b>&amp;`", "a\n\n# b | c", "会社\u202e\x00", ""]
)
def test_a_name_is_only_ever_a_name(name: str) -> None:
    """Neither Markdown, HTML nor a formula; what the font lacks is a question mark in the picture."""
    markdown = draw(name, days(3))
    drawn(markdown)
    assert "\n" not in markdown
    assert not re.search(r"(?<!\\)[<`|#$&]", markdown)


def test_it_is_quick() -> None:
    """Once Matplotlib is imported: the best of five, in time of the processor."""
    draw(KEY, days(1))
    took = []
    for seed in range(5):
        began = time.process_time()
        draw(KEY, days(seed))
        took.append(time.process_time() - began)
    assert min(took) < 0.3  # 0.12 on two quiet cores


def test_it_has_the_colours_that_are_meant() -> None:
    """Those of bars and line stand in it exactly, on a light ground of its own."""
    from PIL import Image

    image = Image.open(io.BytesIO(drawn(draw(KEY, days(4))))).convert("RGB")
    colours = {colour for _, colour in image.getcolors() or []}
    assert {(0x2F, 0x6F, 0xDE), (0x9D, 0xC3, 0xF7), (0xC2, 0x41, 0x0C)} <= colours
    assert image.getpixel((0, 0)) == (0xFA, 0xFA, 0xFA)


def test_days_are_read_from_daily_usage(warehouse: Warehouse) -> None:
    """The rows of all event types together, of one company, of 30 days, in their order."""
    zero = {"engaged_minutes": 0, "events": 0}
    rows = [
        {"company_id": company, "day": LAST - timedelta(days=ago), "event_type": kind, "live_minutes": ago + 1,
         "on_demand_minutes": 2, "unique_users": 3, **zero}
        for company in ("a", "b") for ago in (30, 29, 4, 0, -1) for kind in ("all", "networkingHub")
    ]  # fmt: skip
    seen = {"first_seen_at": _noon(), "last_seen_at": _noon(), "depth": 0}
    with warehouse.write() as connection:
        connection.execute(
            companies.insert(), [{"company_id": c, "partition_key": c, "name": c, **seen} for c in ("a", "b")]
        )
        connection.execute(daily_usage.insert(), rows)
    with warehouse.read() as connection:
        found = read_days(connection, "a", LAST)
    assert found == [(LAST - timedelta(days=ago), ago + 1, 2, 3) for ago in (29, 4, 0)]


def _noon() -> object:
    from datetime import UTC, datetime

    return datetime(2026, 11, 23, 12, tzinfo=UTC)
