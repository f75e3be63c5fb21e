r"""Make foreign text safe to show: characters that a terminal, a page or a log would act on are written as escapes.

Unchanged are letters of every script, digits, symbols, emoji (joined ones too), spaces, and up to six combining marks
on one base. Everything else is written as its code point, `\x1b`, `\u202e` or `\U000e0041`: controls, line and
paragraph separators, direction overrides, characters without width, tags, lone surrogates, private use, unassigned code
points, and marks beyond six. A backslash stays a backslash, but before text that would read as such an escape it is
written `\x5c`. So nothing is ambiguous, and `read_back` returns the original. No character is ever dropped.
"""

import re
import unicodedata
from collections.abc import Callable

MAX_SHOWN = 200
"""The most characters that are shown of one text; the rest is cut off and counted."""
MAX_NAMED = 20
"""So many companies, slices or lines a message names; of the others it says how many there are."""
MAX_MARKS = 6
"""Combining marks on one base: more than any script needs, too few to cover the lines around them."""
_ESCAPE = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_DRAWN_FORMATS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
"""Characters that are drawn although Unicode counts them among the format controls (signs around Arabic numbers)."""
_EMPTY = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks that are invisible."""
_JOINER, _NON_JOINER = "\u200d", "\u200c"
_JOINING = (
    range(0x600, 0x1100),
    range(0x1700, 0x1D00),
    range(0xA800, 0xAC00),
    range(0xFB50, 0xFE00),
    range(0x11000, 0x12000),
)
"""Scripts whose letters join: Arabic, Syriac, Indic and related scripts, Mongolian."""
_TONES = range(0x1F3FB, 0x1F400)
_GROWING_BLOCKS = (range(0x1F000, 0x1FC00), range(0x20000, 0x32400))
"""Blocks to which Unicode adds emoji and Chinese characters each year: they are shown even where Python lacks them."""
_FLAG = re.compile(
    "\U0001f3f4\U000e0067\U000e0062"
    "(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073)\U000e007f"
)
"""The flags of England, Scotland and Wales, the only ones that consist of tag characters."""
_DANGEROUS = re.compile(r"[^\x20-\x7e\xa1-\xac\xae-\u02ff]")
"""A character that may need an escape; a text without any is returned unchanged."""


def visible(text: str, longest: int = MAX_SHOWN) -> str:
    """Return foreign text as one line without controls; a longer one is cut, and its length is added."""
    shown = shown_as_escapes(text[:longest])
    if len(text) <= longest and len(shown) <= longest:
        return shown
    kept = shown[:longest]
    last = kept.rfind("\\", max(0, longest - 9))
    if len(shown) > longest and last >= 0 and (escape := _ESCAPE.match(shown, last)) and escape.end() > longest:
        kept = kept[:last]  # never cut an escape in half
    return f"{kept}… ({len(text):,} characters)"


def harmless(text: str) -> str:
    """Return finished lines with controls escaped; line ends stay, and existing escapes are not escaped once more."""
    return "\n".join(as_line(line) for line in text.split("\n"))


def shown_as_escapes(text: str) -> str:
    """Return a text of any length with every unsafe character written as an escape."""
    return _reversible(text, as_line)


def controls_as_escapes(text: str) -> str:
    """Return a text for a text file: line ends and tabs stay, all other controls are written as escapes."""
    return _reversible(text, lambda part: _CONTROLS.sub(lambda found: escaped(found[0]), part))


def read_back(shown: str) -> str:
    """Return the text that `shown_as_escapes` or `controls_as_escapes` was given."""
    return _ESCAPE.sub(lambda found: chr(int(found[0][2:], 16)), shown)


def escaped(character: str) -> str:
    r"""Return a code point as an escape: `\x1b`, `\u202e`, `\U000e0041`."""
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _reversible(text: str, escape_unsafe: Callable[[str], str]) -> str:
    """Return a text with escapes so that it can be read back: a backslash that would read as an escape becomes one."""
    if "\\" not in text:
        return escape_unsafe(text)
    escapes = (f"\\x5c{found[1:]}" for found in _ESCAPE.findall(text))
    parts = zip(_ESCAPE.split(text), [*escapes, ""], strict=True)
    return "".join(escape_unsafe(part) + escape for part, escape in parts)


def as_line(text: str) -> str:
    """Return a message of ours with foreign parts as one line: a line end in it is escaped too."""
    if not _DANGEROUS.search(text):
        return text
    out: list[str] = []
    marks, place = MAX_MARKS, 0  # a mark at the beginning would combine with whatever is printed before the text
    while place < len(text):
        flag = _FLAG.match(text, place)
        if flag:
            out.append(flag[0])
            place, marks = flag.end(), 0
            continue
        character = text[place]
        kind = unicodedata.category(character)
        if kind.startswith("M") and character not in _EMPTY:
            marks += 1
            is_shown = marks <= MAX_MARKS
        else:
            is_shown = _is_plain(character, kind) or _is_needed_joiner(text, place)
            marks = marks if character == _JOINER and is_shown else 0 if is_shown else MAX_MARKS
        out.append(character if is_shown else escaped(character))
        place += 1
    return "".join(out)


def _is_plain(character: str, kind: str) -> bool:
    if kind in _HIDDEN:
        return character in _DRAWN_FORMATS
    if kind == "Cn":
        return any(ord(character) in block for block in _GROWING_BLOCKS)
    return character not in _EMPTY


def _is_needed_joiner(text: str, place: int) -> bool:
    """Say whether a joiner is needed: between two emoji, or between letters of a script that joins them."""
    if text[place] not in (_JOINER, _NON_JOINER) or not 0 < place < len(text) - 1:
        return False
    before, after = text[place - 1], text[place + 1]
    if text[place] == _JOINER and _is_emoji(after):
        return _is_emoji(before) or before == "\ufe0f" or ord(before) in _TONES
    return _is_joining_letter(before) and _is_joining_letter(after)


def _is_emoji(character: str) -> bool:
    return character not in _EMPTY and (
        unicodedata.category(character) == "So" or any(ord(character) in block for block in _GROWING_BLOCKS[:1])
    )


def _is_joining_letter(character: str) -> bool:
    """Say whether it is a letter of a script that joins its letters, or a mark on one, such as a virama."""
    is_joining = any(ord(character) in block for block in _JOINING)
    return is_joining and character not in _EMPTY and unicodedata.category(character) in ("Lo", "Mc", "Mn")
