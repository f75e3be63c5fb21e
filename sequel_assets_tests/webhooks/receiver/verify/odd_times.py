"""Spellings of times: those that are a moment, and those that are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

AT = datetime(2026, 3, 9, 6, 11, 23, tzinfo=UTC)
OFFSETS = (
    "-1200",
    "-0930",
    "-0500",
    "-0330",
    "-0001",
    "-0000",
    "+0000",
    "+0001",
    "+0100",
    "+0200",
    "+0530",
    "+0545",
    "+1245",
    "+1400",
)
ZONES = {"-0500": "Eastern Standard Time", "+0100": "Mitteleuropäische Normalzeit", "+0530": "India Standard Time"}


def _offset(text: str) -> timedelta:
    ahead = timedelta(hours=int(text[1:3]), minutes=int(text[3:]))
    return -ahead if text[0] == "-" else ahead


def _with_offsets() -> Iterator[tuple[str, datetime]]:
    """One moment at many places, as many programs write it."""
    for offset in OFFSETS:
        local = AT + _offset(offset)
        colon = f"{offset[:3]}:{offset[3:]}"
        yield f"{local:%Y-%m-%dT%H:%M:%S}{colon}", AT
        yield f"{local:%Y-%m-%dT%H:%M:%S}{offset}", AT
        yield f"{local:%Y-%m-%d %H:%M:%S}.000 {offset}", AT
        yield f"{local:%Y-%m-%dt%H:%M:%S},0{colon}", AT
        yield f"{local:%Y%m%dT%H%M%S}{offset}", AT
        yield f"{local:%a, %d %b %Y %H:%M:%S} {offset}", AT
        yield f"{local:%d %b %Y %H:%M:%S} {offset}", AT
        zone = ZONES.get(offset)
        yield f"{local:%a %b %d %Y %H:%M:%S} GMT{offset}" + (f" ({zone})" if zone else ""), AT
        if offset.endswith("00"):
            yield f"{local:%Y-%m-%d %H:%M:%S}{offset[:3]}", AT


def _with_fractions() -> Iterator[tuple[str, datetime]]:
    """Fractions of any length, cut at the microsecond: never beyond the moment that is told."""
    digits = "9876543219999999"
    for length in range(1, len(digits) + 1):
        moment = AT + timedelta(microseconds=int(digits[:length].ljust(6, "0")[:6]))
        yield f"2026-03-09T06:11:23.{digits[:length]}Z", moment
        yield f"2026-03-09 11:41:23,{digits[:length]}+05:30", moment


def _since_1970() -> Iterator[tuple[object, datetime]]:
    """Seconds and parts of them, as numbers and as text."""
    seconds = int(AT.timestamp())
    for zeros in ("", "000", "000000", "000000000"):
        yield int(f"{seconds}{zeros}"), AT
        yield f"{seconds}{zeros}", AT
        yield f" {seconds}{zeros}\n", AT
        yield f"{seconds}{zeros}.0", AT
        yield float(f"{seconds}{zeros}"), AT
        yield Raw(f"{seconds}{zeros}.000"), AT
        yield Raw(f"{seconds / 1e9:.9f}e{9 + len(zeros)}"), AT
        yield Raw(f"{seconds / 1e9:.9f}E+{9 + len(zeros)}"), AT
    for text in (f"{seconds}.25", f"{seconds}250", f"{seconds}250000.9", f"{seconds}250000000"):
        yield text, AT + timedelta(microseconds=250_000)
        yield Raw(text), AT + timedelta(microseconds=250_000)


class Raw(str):
    """A value as it stands in JSON."""

    __slots__ = ()


SPELLINGS: Mapping[object, datetime] = {
    "2026-03-09T06:11:23Z": AT, "2026-03-09T06:11:23z": AT, "2026-03-09t06:11:23z": AT, "2026-03-09 06:11:23Z": AT,
    "2026-03-09T06:11:23": AT, "2026-03-09 06:11:23": AT, "2026-03-09T06:11:23 UTC": AT, "2026-03-09 06:11:23 UTC": AT,
    "2026-03-09 06:11:23 GMT": AT, "2026-03-09 06:11:23.000 utc": AT, "2026-03-09 06:11:23.000000000 +0000 UTC": AT,
    "\t2026-03-09T06:11:23Z\n": AT, "20260309T061123Z": AT, "20260309T061123": AT, "20260309T061123.000Z": AT,
    "2026-03-09T06:11Z": AT.replace(second=0), "2026-03-09 06:11": AT.replace(second=0), "2026-03-09T07:11+01": AT.replace(second=0),
    "Mon, 09 Mar 2026 06:11:23 GMT": AT, "Mon, 9 Mar 2026 06:11:23 UT": AT, "09 Mar 2026 06:11:23 Z": AT,
    "Mon, 09 Mar 2026 01:11:23 -0500 (EST)": AT, "mon, 09 mar 2026 06:11:23 gmt": AT, "Mon, 09-Mar-2026 06:11:23 GMT": AT, "Mon, 09 Mar 2026 06:11 +0000": AT.replace(second=0),
    "Mon Mar 09 2026 06:11:23 GMT": AT, "Mon Mar 09 2026 06:11:23 GMT+0000 (Coordinated Universal Time)": AT,
    "Mon Mar  9 06:11:23 UTC 2026": AT, "Mon Mar 09 06:11:23 GMT 2026": AT,
    "2026-03-09T06:11:60Z": AT.replace(minute=12, second=0), "2026-03-09T06:59:60.25Z": AT.replace(hour=7, minute=0, second=0, microsecond=250_000),
    "2026-03-09T00:59:60-05:00": AT.replace(minute=0, second=0), "Mon, 09 Mar 2026 06:11:60 GMT": AT.replace(minute=12, second=0),
    "2026-03-08T24:00:00Z": datetime(2026, 3, 9, tzinfo=UTC), "2026-03-08 24:00:00.000+00:00": datetime(2026, 3, 9, tzinfo=UTC),
    "2026-03-08T24:00:00-05:00": datetime(2026, 3, 9, 5, tzinfo=UTC), "20260308T240000Z": datetime(2026, 3, 9, tzinfo=UTC),
    "2026-03-08T23:59:60Z": datetime(2026, 3, 9, tzinfo=UTC),
}  # fmt: skip
NO_MOMENTS: tuple[object, ...] = (
    # zones by name: there are several of most, and none says where its sender is
    "Mon, 09 Mar 2026 01:11:23 EST", "Mon, 09 Mar 2026 01:11:23 IST", "Mon, 09 Mar 2026 01:11:23 CST", "Mon Mar 09 01:11:23 PST 2026",
    "2026-03-09 01:11:23 EST", "2026-03-09T01:11:23 America/New_York", "2026-03-09T01:11:23-05:00[America/New_York]",
    "2026-03-09T06:11:23A", "Mon, 09 Mar 2026 01:11:23 EST5EDT", "Mon, 09 Mar 2026 01:11:23 EST (-0500)", "Mon, 09 Mar 2026 01:11:23 (-0500)", "2026-03-09 06:11:23 GMT-0500", "2026-03-09 06:11:23 UTC+1",
    "2026-03-09 06:11:23 +0200 UTC", "Mon Mar 09 2026 06:11:23 GMT+5", "Mon Mar 09 2026 06:11:23 UTC-0500 (x)",
    # no zone where local time is usual
    "Mon Mar 09 06:11:23 2026", "Mon, 09 Mar 2026 06:11:23", "Mon Mar 09 2026 06:11:23", "09 Mar 2026 06:11:23",
    # day or month, and which century
    "11/30/2026 01:11:23", "03/09/2026", "09.03.2026 06:11:23", "9/3/2026, 6:11:23 AM", "2026/03/09 06:11:23", "Mar 9, 2026 6:11 AM",
    "09 Mar 26 06:11:23 GMT", "Monday, 09-Mar-26 06:11:23 GMT", "26-03-09T06:11:23Z", "Monday, 09 Mar 2026 06:11:23 GMT",
    # no time of day, or no day
    "2026-03-09", "20260309", "2026-W11-1", "2026-W11-1T06:11:23Z", "2026-068T06:11:23Z", "06:11:23Z", "2026-03", "2026", "20260309061123",
    # there is no such moment, or it contradicts itself
    "2026-02-29T06:11:23Z", "2026-13-09T06:11:23Z", "2026-00-09T06:11:23Z", "2026-03-32T06:11:23Z", "2026-03-09T25:11:23Z", "2026-03-09T06:60:23Z",
    "2026-03-09T06:11:61Z", "2026-03-09T24:00:01Z", "2026-03-09T24:01:00Z", "2026-03-09T24:00:00.1Z", "2026-03-09T06:11:23+24:00",
    "2026-03-09T06:11:23+05:60", "2026-03-09T06:11:23+99:99", "Tue, 09 Mar 2026 06:11:23 GMT", "Sun Mar 09 2026 06:11:23 GMT-0500 (x)",
    "Mon, 31 Feb 2026 06:11:23 GMT", "2026-03-09T06:11:23Z-05:00", "2026-03-09T06:11:23+00:00Z",
    # nearly
    "2026-3-9T6:11:23Z", "2026-03-09T6:11:23Z", "2026-03-09T06:11:23.Z", "2026-03-09T06.5Z", "2026-03-09T06:11.5Z", "2026-03-09T061123Z",
    "20260309T06:11:23Z", "2026-03-09T06:11:23+5", "2026-03-09T06:11:23+05:3", "2026-03-09T06:11:23\u221205:00", "2026-03-09T06:11:23Z\x00",
    "2026-03-09\u00a006:11:23Z", "\uff12\uff10\uff12\uff16-03-09T06:11:23Z", "٢٠٢٦-03-09T06:11:23Z", "2026-03-09T06:11:23Z garbage", "x2026-03-09T06:11:23Z",
    "2026-03-09T06:11:23Z\n2026-03-09T06:11:23Z", "+002026-03-09T06:11:23Z", "2026-03-09T06:11:23." + "9" * 100 + "Z",
    "Mon, 09 Mrz 2026 06:11:23 GMT", "Lun, 09 Mar 2026 06:11:23 GMT", "Mon Mar 09 2026 06:11:23 GMT-0500 (a) (b)", "now", "yesterday", "", " ",
    "/Date(1773036683000)/", "P1D", "2026-03-09T06:11:23Z/2026-03-09T07:11:23Z",
    # years that nothing of ours has
    "0001-01-01T00:00:00", "1970-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "0000-03-09T06:11:23Z",
    "9999-12-31T23:59:60Z", "0001-01-01T00:00:00+14:00", "12026-03-09T06:11:23Z", "-2026-03-09T06:11:23Z",
    # numbers that are no epoch time of such a year
    0, -1, -1773036683, 1, 46090.25, 100_000_000, 177303668, 17730366830, 177303668300000, 10**21, 10**400, -(10**18), True, False, None,
    "-1773036683", "+1773036683", "1_773_036_683", "0x69AE6B4B", "1773036683s", "1,773,036,683", "1773036683.", ".1773036683e10", "1.773036683e9",
    "639081582830000000", 639081582830000000, 134174956830000000, "01773036683", "\uff11\uff17\uff17\uff13\uff10\uff13\uff16\uff16\uff18\uff13", "1773036683 06:11",
    float("nan"), float("inf"), float("-inf"), Raw("1e999999999"), Raw("1773036683e-1"), Raw("-0"), Raw("0.0"),
    [], [2026, 3, 9, 6, 11, 23], {}, {"$date": "2026-03-09T06:11:23Z"}, {"seconds": 1773036683}, [1773036683], ["2026-03-09T06:11:23Z"],
)  # fmt: skip
STAMPS: list[tuple[object, datetime | None]] = [
    *_with_offsets(), *_with_fractions(), *_since_1970(), *SPELLINGS.items(), *((stamp, None) for stamp in NO_MOMENTS),
]  # fmt: skip
