"""The words of names and texts, the sizes of modules and folders, and no class name twice: read from the source."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sequel_assets_tests.house.source import (
    BENCH,
    PACKAGE,
    TESTS,
    TOOLS,
    Found,
    classes,
    inner_names,
    lines_of,
    modules,
    names,
    pages,
    prose,
    texts,
    words_of,
)

OLD_IN_NAMES = frozenset(
    re.findall(
        r"[a-z]+",
        "told tell tells telling untold asked ledger books held silence silences silent loud extras hot family families "
        "proof proofs prove proves proven promised conserved conservation patrol guardian slot slots hint hints situation "
        "missed strangers stranger beneath tree picture pictures mending mend mended causes sighting sightings gauge "
        "moment moments anew stagehand mishap mishaps occasion occasions",
    )
)
"""Words of names that have an established word: docs/glossary.md says which. Columns and tables are no names here."""
ODD = re.compile(
    r"\b(untold|told|tells?|telling|loud|silences?|silent(ly)?|strangers?|guardian|patrol(s|led)?|anew|hint(s|ed)?|mend(s|ed|ing)?|"
    r"pictures?|gauge|books|ledger|sightings?|mishaps?|stagehand|as a whole|extras|hot|famil(y|ies)|proofs?|prove[sdn]?|beneath|the owner)\b",
    re.IGNORECASE,
)
"""Words of this project that a reader would not know: not for messages, comments, docstrings and pages."""
MAY_BE_SAID: dict[str, str] = {
    r"\bsilences\b": "a table, and the datasets' word for it",
    r"\bproofs\b": "a table that people query",
    r"[\"']family[\"']|^family$|labelfontfamily": "Matplotlib's name of a font's",
    r"file's owner|OWNER TO|table owner": "who owns a file or a table",
    r"error_status_hint": "h11's name of it",
    r"`?--beneath`?|^beneath$": "an option of `query`, and its key in JSON",
    r"^hints$": "a key in the JSON of `inbox`",
    r"^picture$": "a field of Sequel's events",
    r"^hot$|\| hot \|": "a value of Sequel's leadStatus",
}
"""What may stand in a text though it looks odd, and why."""
ROOMY = ("sequel_assets/insights", "sequel_assets/cli/commands")
"""Folders that are lists of one kind: they may hold any number of modules."""
TWINS = frozenset({"Company", "Delivery", "Event", "Person", "Subscription", "Usage"})
"""Classes of the sandbox that are named like those of the package: it models the same things and shares no code."""
SEQUELS_FIELDS = frozenset({"max_slots", "asked_at"})
"""Fields that are named as Sequel names them."""
MAX_LINES, MAX_MODULES = 250, 15
SOURCE = (PACKAGE, TESTS, BENCH, TOOLS)


def old_names() -> Iterator[Found]:
    """Names with an old word in them."""
    for path in modules(*SOURCE):
        yield from (found for found in names(path) if OLD_IN_NAMES & words_of(found.text))


def old_inner_names() -> Iterator[Found]:
    """Fields and parameters of the package with an old word in their names."""
    for path in modules(PACKAGE):
        yield from (
            found
            for found in inner_names(path)
            if OLD_IN_NAMES & words_of(found.text) and found.text not in SEQUELS_FIELDS
        )


def odd_texts() -> Iterator[Found]:
    """Texts of the package with an odd word in them."""
    suspects = (path for path in modules(PACKAGE) if any(map(ODD.search, lines_of(path))))
    yield from (found for path in suspects for found in texts(path) if _is_odd(found.text))


def odd_prose() -> Iterator[Found]:
    """Lines of pages with an odd word in them."""
    yield from (found for path in pages() for found in prose(path) if _is_odd(found.text))


def _is_odd(text: str) -> bool:
    if not ODD.search(text):
        return False
    for pattern in MAY_BE_SAID:
        text = re.sub(pattern, "", text)
    return ODD.search(text) is not None


def long_modules() -> Iterator[Found]:
    """Modules that are longer than a person can hold in mind."""
    for path in modules(*SOURCE):
        if (length := len(lines_of(path))) > MAX_LINES:
            yield Found(path, length, "lines")


def full_folders() -> Iterator[Found]:
    """Folders with too many modules."""
    counts = Counter(path.parent for path in modules(*SOURCE) if path.stem != "__init__")
    for folder, count in counts.items():
        if count > MAX_MODULES and folder.as_posix() not in ROOMY:
            yield Found(folder / "*", count, "modules")


def classes_twice() -> Iterator[Found]:
    """Classes of a name that another class has too."""
    by_name: dict[str, list[Found]] = defaultdict(list)
    for path in modules(PACKAGE, TESTS, BENCH):
        for found in classes(path):
            by_name[found.text].append(found)
    for name, found in by_name.items():
        if len(found) > 1 and name not in TWINS:
            yield from found[1:]


RULES: dict[str, Callable[[], Iterator[Found]]] = {
    "old names": old_names,
    "old inner names": old_inner_names,
    "odd texts": odd_texts,
    "odd prose": odd_prose,
    "long modules": long_modules,
    "full folders": full_folders,
    "classes twice": classes_twice,
}


@pytest.mark.parametrize("rule", RULES)
def test_a_house_rule_holds(rule: str) -> None:
    """Whatever breaks it is named."""
    assert [str(found) for found in RULES[rule]()] == []


def test_the_rules_find_what_they_are_for() -> None:
    """So that an empty list of findings means something."""
    here = Path(__file__).name
    assert OLD_IN_NAMES & words_of("TotalsToldAgain") == {"told"}
    assert OLD_IN_NAMES & words_of("was_asked") == {"asked"}
    assert not OLD_IN_NAMES & words_of("hotel_holder")
    assert _is_odd("it proves nothing")
    assert _is_odd("the hot hours")
    assert not _is_odd("rows of `proofs` and silences")
    assert any(path.name == here for path in modules(*SOURCE))
    assert len(modules(PACKAGE)) > 300
    assert len(pages()) > 15
