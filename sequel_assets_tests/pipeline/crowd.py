"""People who watched."""

from __future__ import annotations

from sequel_assets.sandbox import Attendance
from sequel_assets_tests.support.harness import ADA, BO, CY, at

CROWD = [
    Attendance(ADA, live=[(at(3), 20), (at(5), 3)], on_demand=[(at(6), 5)]),
    Attendance(BO, live=[(at(3, 9, 10), 30)]),
]
PLAIN = [Attendance(BO, live=[(at(2), 7)], on_demand=[(at(4), 3)]), Attendance(CY, on_demand=[(at(8, 8), 3)])]
