"""Names that somebody hostile may give a person, a company or an event, and what of them must never leave as it is."""

import re

HOSTILE = (
    "\x1b]52;c;aG9zdGlsZQ==\x07NAME",  # writes to the clipboard
    "\x1b]52;c;aG9zdGlsZQ==\x1b\\NAME",
    "\x9d52;c;aG9zdGlsZQ==\x9cNAME",  # the same in one byte each
    "\x1b]0;title\x07NAME",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1b[2J\x1b[HNAME",
    "\x1b[31mred\x1b[0m",
    "\x9b31mred",
    "\x1bP+q544e\x1b\\NAME",  # asks the terminal, which answers as if typed
    "\x1b[6n\x1b[cNAME",
    "\x1bcNAME",  # resets it
    "\x05NAME\x0e\x0f",
    "first\x08\x08\x08\x08\x08other",
    "first\rother",
    "first\nall is well: 0 failed",
    "first\r\nother",
    "tab\tbed\x0bvertical\x0cfeed",
    "\x00nul\x7fdel",
    "next\x85line\u2028and\u2029paragraph",
    "\u202egnp.exe\u202c",
    "\u2066isolated\u2069\u2067\u2068",
    "\u200e\u200f\u061cmarks",
    "zero\u200bwidth\u200d\u2060\ufeff",
    "so\u00adft",
    "t\U000e0061\U000e0067s",
    "lone \ud800 surrogate \udc1b",
    "private \ue000 use \U000f0000",
    "\ufff9annotated\ufffb",
    "\u3164\u115f\u2800",
    "Z" + "\u0301\u0322\u0489" * 40,
    "[bold red]markup[/bold red] [link=http://evil.example]x[/link]",
    "[/] unclosed [/bold]",
    ":skull: :warning:",
    "$x^2$ \\frac{1}{2}",
    "![x](http://evil.example/x.png)",
    "[x](javascript:alert(1)) <http://evil.example> http://evil.example",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "a | b \\| c \\\\| d `e` *f* _g_ ~h~",
    "# head\n\n---\n\n| a |\n",
    "'; DROP TABLE people; --",
    "=cmd|'/C calc'!A0",
    "x" * 3000,
)
"""Each is told as a name in the tests that go through every exit."""
_OBEYED = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\ue000-\uf8ff"
    "\U000e0000-\U000e007f\U000f0000-\U0010ffff]"
)


def obeyed(shown: str, but: str = "") -> str:
    """Return the characters of an output that a terminal would act on, apart from some that are allowed."""
    flags = re.sub("\U0001f3f4[\U000e0061-\U000e007a]+\U000e007f", "", shown)
    return "".join(sign for sign in _OBEYED.findall(flags) if sign not in but)
