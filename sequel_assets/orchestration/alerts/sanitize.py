"""Bounds the text of a message: short, without control characters, addresses or anything like an e-mail."""

import re

MAX_CHARACTERS = 1500
MAX_LINES = 12
_MAX_READ = 20_000
_AT = ("@", "%40", "\uff20", "\ufe6b")
_LINK = re.compile(r"[a-z][a-z0-9+.-]{1,20}://", re.IGNORECASE)

_NEXT_STEPS = {
    "fresh": "run `sequel-assets status`; see in Dagster that the daemon and the schedules run.",
    "control_totals": "materialize the named companies and days again; their facts are fetched and verified again.",
    "derived": "materialize the named days of this asset; that asks Sequel nothing.",
    "restat": "run `sequel-assets changes`; look at what you have billed from these days.",
    "subscribed": "run `sequel-assets webhooks status`, then `sequel-assets webhooks ensure`; "
    "the sweep notes what was not delivered.",
    "reconcil": "look at the named events; the daily reconciliation refreshes the days that moved.",
}
_OF_A_CHECK = "open the asset's Checks tab in Dagster; it names what is wrong."
_OF_A_JOB = (
    "open the run in Dagster; older rows stay, and the next run tries again. `sequel-assets status` shows what is late."
)


def next_step(kind: str, _name: str, check: str) -> str:
    """Return what to do next about an incident."""
    if kind == "job":
        return _OF_A_JOB
    return next((said for part, said in _NEXT_STEPS.items() if part in check), _OF_A_CHECK)


def bounded(text: str, max_characters: int = MAX_CHARACTERS, max_lines: int = MAX_LINES) -> str:
    """Return the first lines of a text, fit to be sent; an ellipsis says that there were more."""
    if len(text) > _MAX_READ:
        text = text[:_MAX_READ].rsplit(None, 1)[0]  # half of an address at the cut would not be recognized
    clean = "".join(letter for letter in text if letter.isprintable() or letter.isspace())
    lines = [" ".join(_struck(word) for word in line.split()) for line in clean.splitlines()]
    lines = [line for line in lines if line]
    kept = "\n".join(lines[:max_lines])
    if len(lines) <= max_lines and len(kept) <= max_characters:
        return kept
    return kept[: max_characters - 2].rstrip() + "\n…"


def _struck(word: str) -> str:
    if any(sign in word for sign in _AT):
        return "[e-mail]"
    return "[address]" if _LINK.search(word) else word
