"""docs/images/flow.svg: how a refresh goes from Sequel to the insights, for docs/architecture.md and the README.

It names rooms and modules of the package, and refuses to draw one that does not exist.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

PACKAGE = Path(__file__).parents[1] / "sequel_assets"
WIDTH, HEIGHT, MARGIN = 1160, 590, 20
STAGE_TOP, STAGE_HEIGHT, STAGE_WIDTH, GAP = 170, 160, 200, 23
STORE_TOP, STORE_HEIGHT = 400, 80
INK, PALE, LINE = "#1f2933", "#52606d", "#7b8794"
STAGE_FILL, ROOM_FILL, STORE_FILL = "#e3f0ff", "#f5f7fa", "#fff4dc"


@dataclass(frozen=True)
class Stage:
    """One stage of a refresh: what it does, and the rooms that hold its code."""

    name: str
    lines: tuple[str, ...]
    rooms: tuple[str, ...]


STAGES = (
    Stage("1. discover", ("which companies and", "events there are,", "whose each event is"), ("refresh/discovery",)),
    Stage(
        "2. plan",
        ("which days of which", "events to request:", "late, open, not final"),
        ("refresh/run/plan.py", "refresh/coverage"),
    ),
    Stage(
        "3. extract",
        ("request, verify against", "control totals; name", "what does not match"),
        ("refresh/usage", "refresh/details"),
    ),
    Stage(
        "4. load",
        ("replace each slice and", "its bookkeeping in one", "transaction"),
        ("refresh/load.py", "warehouse/slices"),
    ),
    Stage(
        "5. transform",
        ("derive the insights of", "every day whose facts", "have changed"),
        ("refresh/transform", "insights"),
    ),
)


def flow_svg() -> str:
    """Return docs/images/flow.svg."""
    root = ElementTree.Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=str(WIDTH),
        role="img",
        attrib={"font-family": "Helvetica, Arial, sans-serif", "font-size": "14"},
    )
    ElementTree.SubElement(root, "title").text = "A refresh: discover, plan, extract, load, transform"
    marker = ElementTree.SubElement(
        ElementTree.SubElement(root, "defs"),
        "marker",
        id="tip",
        viewBox="0 0 8 8",
        refX="7",
        refY="4",
        markerWidth="8",
        markerHeight="8",
        orient="auto-start-reverse",
    )
    ElementTree.SubElement(marker, "path", d="M0,0 L8,4 L0,8 z", fill=LINE)
    ElementTree.SubElement(root, "rect", width=str(WIDTH), height=str(HEIGHT), fill="white")
    _starters(root)
    _stages(root)
    _stores(root)
    _readers(root)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _starters(root: ElementTree.Element) -> None:
    """Draw what starts a run, and what conducts it."""
    _box(root, MARGIN, 15, 540, 70, ROOM_FILL)
    _text(root, MARGIN + 15, 40, "Dagster: schedules, sensors, one op for all slices", bold=True)
    _rooms(root, MARGIN + 15, 65, ("orchestration",))
    _box(root, MARGIN + 580, 15, 540, 70, ROOM_FILL)
    _text(root, MARGIN + 595, 40, "Command line: sequel-assets backfill", bold=True)
    _rooms(root, MARGIN + 595, 65, ("cli/backfill",))
    _box(root, MARGIN, 115, WIDTH - 2 * MARGIN, 230, "none")
    _text(root, MARGIN + 15, 140, "A refresh: many companies side by side, the days of each in order", bold=True)
    _text(root, WIDTH - MARGIN - 15, 140, f"sequel_assets/{_room('refresh/run')}", colour=PALE, anchor="end")
    _arrow(root, MARGIN + 270, 85, MARGIN + 270, 113)
    _arrow(root, MARGIN + 850, 85, MARGIN + 850, 113)


def _stages(root: ElementTree.Element) -> None:
    for number, stage in enumerate(STAGES):
        x = _stage_left(number)
        _box(root, x, STAGE_TOP, STAGE_WIDTH, STAGE_HEIGHT, STAGE_FILL)
        _text(root, x + 15, STAGE_TOP + 28, stage.name, bold=True, size=17)
        for row, line in enumerate(stage.lines):
            _text(root, x + 15, STAGE_TOP + 54 + 19 * row, line)
        _rooms(root, x + 15, STAGE_TOP + 124, stage.rooms)
        if number:
            _arrow(root, x - GAP + 2, STAGE_TOP + 60, x - 3, STAGE_TOP + 60)


def _stores(root: ElementTree.Element) -> None:
    """Draw Sequel and the warehouse, and which stage asks or writes which."""
    width = STAGE_WIDTH * 2 - 40
    left, right = _stage_left(0), _stage_left(2) - 40
    _box(root, left, STORE_TOP, width, STORE_HEIGHT, STORE_FILL)
    _text(root, left + 15, STORE_TOP + 30, "Sequel's API", bold=True)
    _text(root, left + 15, STORE_TOP + 58, f"client in sequel_assets/{_room('sequel')}", colour=PALE)
    _box(root, right, STORE_TOP, WIDTH - 2 * MARGIN - right + 5, STORE_HEIGHT, STORE_FILL)
    _text(root, right + 15, STORE_TOP + 30, "Your warehouse: SQLite or PostgreSQL", bold=True)
    _text(
        root,
        right + 15,
        STORE_TOP + 58,
        f"sequel_assets/{_room('warehouse')}: landed tables, insights, slice coverage, problems",
        colour=PALE,
    )
    stage_bottom = STAGE_TOP + STAGE_HEIGHT
    _arrow(root, _stage_left(0) + 60, STORE_TOP - 2, _stage_left(0) + 60, stage_bottom + 2, both=True)
    _path(root, f"M{_stage_left(0) + 280},{STORE_TOP - 2} V365 H{_stage_left(2) + 20} V{stage_bottom + 2}", both=True)
    _path(root, f"M{right + 60},{STORE_TOP - 2} V380 H{_stage_left(1) + 150} V{stage_bottom + 2}")
    for number in (3, 4):
        x = _stage_left(number) + STAGE_WIDTH // 2
        _arrow(root, x, stage_bottom + 2, x, STORE_TOP - 2, both=number == 4)


def _readers(root: ElementTree.Element) -> None:
    """Draw what reads the warehouse, and where webhooks come in."""
    left, right = _stage_left(0), _stage_left(2) - 40
    top, tall = STORE_TOP + STORE_HEIGHT + 30, 60
    _box(root, left, top, 360, tall, ROOM_FILL)
    _text(root, left + 15, top + 25, "Webhooks: stored, then a refresh", bold=True, size=13)
    _rooms(root, left + 15, top + 47, ("webhooks",))
    _path(root, f"M{left + 360},{top + 30} H{right + 40} V{STORE_TOP + STORE_HEIGHT + 2}")
    _box(root, right + 90, top, 270, tall, ROOM_FILL)
    _text(root, right + 105, top + 25, "Reconciliation: once a day", bold=True, size=13)
    _rooms(root, right + 105, top + 47, ("reconciliation",))
    _arrow(root, right + 225, STORE_TOP + STORE_HEIGHT + 2, right + 225, top - 3, both=True)
    _box(root, right + 390, top, WIDTH - 2 * MARGIN - right - 385, tall, ROOM_FILL)
    _text(root, right + 405, top + 25, "Checks, query, export, your SQL", bold=True, size=13)
    _rooms(root, right + 405, top + 47, ("orchestration/checks", "cli/commands"), across=True)
    _arrow(root, right + 520, STORE_TOP + STORE_HEIGHT + 2, right + 520, top - 3)


def _stage_left(number: int) -> int:
    return MARGIN + 15 + number * (STAGE_WIDTH + GAP)


def _rooms(root: ElementTree.Element, x: int, y: int, rooms: Sequence[str], *, across: bool = False) -> None:
    if across:
        _text(root, x, y, ", ".join(_room(room) for room in rooms), colour=PALE)
        return
    for row, room in enumerate(rooms):
        _text(root, x, y + 19 * row, _room(room), colour=PALE)


def _room(name: str) -> str:
    if not (PACKAGE / name).exists():
        raise ValueError(f"tools/flow.py names {name}, which the package does not have")
    return name


def _box(root: ElementTree.Element, x: int, y: int, width: int, height: int, fill: str) -> None:
    place = {"x": x, "y": y, "width": width, "height": height, "rx": 8, "fill": fill, "stroke": LINE}
    ElementTree.SubElement(root, "rect", {name: str(value) for name, value in place.items()})


def _text(
    root: ElementTree.Element,
    x: int,
    y: int,
    words: str,
    *,
    bold: bool = False,
    size: int = 14,
    colour: str = INK,
    anchor: str = "start",
) -> None:
    place = {"x": x, "y": y, "font-size": size, "fill": colour, "text-anchor": anchor}
    style = {"font-weight": "bold"} if bold else {}
    ElementTree.SubElement(root, "text", {name: str(value) for name, value in place.items()} | style).text = words


def _arrow(root: ElementTree.Element, x: int, y: int, to_x: int, to_y: int, *, both: bool = False) -> None:
    _path(root, f"M{x},{y} L{to_x},{to_y}", both=both)


def _path(root: ElementTree.Element, way: str, *, both: bool = False) -> None:
    start = {"marker-start": "url(#tip)"} if both else {}
    fixed = {"d": way, "fill": "none", "stroke": LINE, "stroke-width": "1.5", "marker-end": "url(#tip)"}
    ElementTree.SubElement(root, "path", fixed | start)
