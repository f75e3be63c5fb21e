r"""Foreign text is made visible and never obeyed: what a terminal, a page or a log would act on is shown as an escape.

What is shown as it is: letters of every script, digits, signs, emoji (joined ones too), spaces, and up to six combining
marks on one base. Everything else is written as its code point, `\x1b`, `\u202e` or `\U000e0041`: controls, line and
paragraph separators, what turns the direction of text, what has no width, tags, lone surrogates, private use, code points
that nobody has assigned, and the marks beyond six. A backslash stays a backslash; only where it stands before what would
read as such an escape it is written `\x5c`. So nothing is ambiguous: `read_back` gives back what was there.
"""

import re
import unicodedata
from collections.abc import Callable

LONGEST = 200
"""The most that is shown of one text; what a table or a line gains from more is nothing."""
MAX_NAMED = 20
"""So many companies, slices or lines a message names; of the others it says how many there are."""
MAX_MARKS = 6
"""Combining marks on one base: more than any script needs, fewer than reach over the lines around them."""
_ESCAPE = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_INKED = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
"""Signs that Unicode counts among the format controls though they are drawn (signs around Arabic numbers)."""
_EMPTY = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks that are drawn as nothing."""
_JOINER, _NON_JOINER = "\u200d", "\u200c"
_JOINING = (range(0x600, 0x1100), range(0x1700, 0x1D00), range(0xA800, 0xAC00), range(0xFB50, 0xFE00), range(0x11000, 0x12000))  # fmt: skip
"""Arabic, Syriac, the scripts of India and of the lands between it and Mongolia."""
_TONES = range(0x1F3FB, 0x1F400)
_NEWER = (range(0x1F000, 0x1FC00), range(0x20000, 0x32400))
"""Where Unicode adds emoji and Chinese characters each year: those that this Python does not know yet are shown."""
_FLAG = re.compile("\U0001f3f4\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073)\U000e007f")  # fmt: skip
"""The flags of England, Scotland and Wales, the only ones that are made of tags."""
_DANGEROUS = re.compile(r"[^\x20-\x7e\xa1-\xac\xae-\u02ff]")
"""Where nothing of this is in a text (no mark, no control), it is shown as it is."""


def visible(text: str, longest: int = LONGEST) -> str:
    """Return a text from outside as one line that no terminal acts on, at most so long; of a longer one the length is told."""
    shown = shown_as_escapes(text[:longest])
    if len(text) <= longest and len(shown) <= longest:
        return shown
    kept = shown[:longest]
    last = kept.rfind("\\", max(0, longest - 9))
    if len(shown) > longest and last >= 0 and (whole := _ESCAPE.match(shown, last)) and whole.end() > longest:
        kept = kept[:last]  # no half of an escape
    return f"{kept}… ({len(text):,} characters)"


def harmless(words: str) -> str:
    """Return finished lines of ours, with visible texts in them, as they may leave: nothing is escaped twice, lines stay lines."""
    return "\n".join(_unobeyed(line) for line in words.split("\n"))


def as_line(words: str) -> str:
    """Return words of ours, with foreign ones among them, as one line: a line end in them is shown too."""
    return _unobeyed(words)


def shown_as_escapes(text: str) -> str:
    """Return a text of any length, with everything dangerous in it written as an escape."""
    return _exact(text, _unobeyed)


def controls_as_escapes(text: str) -> str:
    """Return a text for a file of text: its lines and tabs stay, all other controls are written as escapes."""
    return _exact(text, lambda part: _CONTROLS.sub(lambda found: escaped(found[0]), part))


def read_back(shown: str) -> str:
    """Return the text that `shown_as_escapes` or `controls_as_escapes` was given."""
    return _ESCAPE.sub(lambda found: chr(int(found[0][2:], 16)), shown)


def escaped(sign: str) -> str:
    r"""Return a code point as an escape: `\x1b`, `\u202e`, `\U000e0041`."""
    number = ord(sign)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _exact(text: str, unobeyed: Callable[[str], str]) -> str:
    """Return a text made harmless so that it can be read back: a backslash that would read as an escape is one itself."""
    if "\\" not in text:
        return unobeyed(text)
    escapes = (f"\\x5c{found[1:]}" for found in _ESCAPE.findall(text))
    return "".join(unobeyed(part) + escape for part, escape in zip(_ESCAPE.split(text), [*escapes, ""], strict=True))


def _unobeyed(text: str) -> str:
    if not _DANGEROUS.search(text):
        return text
    out: list[str] = []
    marks, place = MAX_MARKS, 0  # a mark without a base would sit on whatever stands before the text
    while place < len(text):
        flag = _FLAG.match(text, place)
        if flag:
            out.append(flag[0])
            place, marks = flag.end(), 0
            continue
        sign = text[place]
        kind = unicodedata.category(sign)
        if kind.startswith("M") and sign not in _EMPTY:
            marks += 1
            is_shown = marks <= MAX_MARKS
        else:
            is_shown = _is_plain(sign, kind) or _joins(text, place)
            marks = marks if sign == _JOINER and is_shown else 0 if is_shown else MAX_MARKS
        out.append(sign if is_shown else escaped(sign))
        place += 1
    return "".join(out)


def _is_plain(sign: str, kind: str) -> bool:
    if kind in _HIDDEN:
        return sign in _INKED
    if kind == "Cn":
        return any(ord(sign) in block for block in _NEWER)
    return sign not in _EMPTY


def _joins(text: str, place: int) -> bool:
    """Say whether a joiner stands where scripts need it: between two emoji, or between letters of a script that joins them."""
    if text[place] not in (_JOINER, _NON_JOINER) or not 0 < place < len(text) - 1:
        return False
    before, after = text[place - 1], text[place + 1]
    if text[place] == _JOINER and _is_picture(after):
        return _is_picture(before) or before == "\ufe0f" or ord(before) in _TONES
    return _is_joined(before) and _is_joined(after)


def _is_picture(sign: str) -> bool:
    return sign not in _EMPTY and (
        unicodedata.category(sign) == "So" or any(ord(sign) in block for block in _NEWER[:1])
    )


def _is_joined(sign: str) -> bool:
    """Say whether it is a letter of a script that joins its letters, or a mark on one (a virama, say)."""
    is_joining = any(ord(sign) in block for block in _JOINING)
    return is_joining and sign not in _EMPTY and unicodedata.category(sign) in ("Lo", "Mc", "Mn")
