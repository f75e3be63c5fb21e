"""Faults of deliveries, by rate. The same seed and the same events have the same faults."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

DELIVERY_FAULTS = frozenset(
    {"drop", "duplicate", "reorder", "delay", "late", "burst", "old_key", "wrong_count", "lost_batch"}
)


@dataclass(frozen=True)
class DeliveryFaults:
    """Shares by kind, and how much: each span is by the sandbox's clock.

    `reorder` and `delay` hold a delivery up by a part of their span, so that later ones overtake it; `late` by all of
    it; `burst` until the next multiple of its span, when all delayed ones come at once; `old_key` is possible for
    so long after a renewal.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    reorder: timedelta = timedelta(minutes=2)
    delay: timedelta = timedelta(minutes=30)
    late: timedelta = timedelta(days=4)
    burst: timedelta = timedelta(minutes=15)
    old_key: timedelta = timedelta(minutes=1)

    def __post_init__(self) -> None:
        """Refuse a kind that there is not, and a share that is none."""
        for kind, share in self.rates.items():
            if kind not in DELIVERY_FAULTS:
                raise ValueError(f"no such webhook fault: {kind!r}; there are {', '.join(sorted(DELIVERY_FAULTS))}")
            if not 0 <= share <= 1:
                raise ValueError(f"a rate lies between 0 and 1: {kind}={share}")

    @classmethod
    def parse(cls, text: str, *, seed: int = 0) -> DeliveryFaults:
        """From the command line: `drop=0.3,duplicate=0.1`."""
        rates: dict[str, float] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            kind, _, rate = part.partition("=")
            try:
                rates[kind.strip()] = float(rate)
            except ValueError:
                raise ValueError(f"a webhook fault is given as kind=rate, not {part!r}") from None
        return cls(rates, seed)

    def applies(self, kind: str, what: str) -> bool:
        """Whether this kind of fault affects this delivery (or whatever the text names)."""
        share = self.rates.get(kind, 0.0)
        return share > 0 and self._dice(kind, what) < share

    def part(self, what: str, of: int) -> int:
        """Which of several is affected, from 1."""
        return 1 + int(self._dice("part", what) * of)

    def due(self, what: str, at: datetime) -> tuple[datetime, list[str]]:
        """When a delivery is sent, and the faults that delay it."""
        delays = [kind for kind in ("reorder", "delay", "late", "burst") if self.applies(kind, what)]
        for kind in delays:
            span: timedelta = getattr(self, kind)
            if kind == "burst":
                midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
                at = midnight - ((midnight - at) // span) * span
            else:
                at += span if kind == "late" else span * self._dice("span", f"{kind}/{what}")
        return at, delays

    def _dice(self, kind: str, what: str) -> float:
        return random.Random(f"{self.seed}/{kind}/{what}").random()
