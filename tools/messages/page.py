"""Makes docs/messages.md from the collected messages, for whoever searches for the words on their screen."""

from collections import defaultdict

from tools.messages.collecting import collect
from tools.messages.kinds import KINDS, SPOKEN, Kind, kind_of

HEAD = """\
# Messages

Generated from the source by `make docs`. Every message that the software prints, by kind: what it means, whether data are safe, what to do
next. `…` stands for what is put in: a company, a day, a number. Search for the words around it; several parts may make up one line. By
symptom: [troubleshooting.md](troubleshooting.md). How Sequel, a database or a library words its own errors is not repeated anywhere: see
[what Sequel answered](operations.md#what-sequel-answered-to-the-letter).
"""


def messages_page() -> str:
    """Return docs/messages.md."""
    by_kind: dict[str, set[str]] = defaultdict(set)
    for message in collect():
        by_kind[kind_of(message).title].add(message.text)
    return "\n".join([HEAD, *(_section(kind, by_kind[kind.title]) for kind in (*KINDS, SPOKEN))])


def _section(kind: Kind, texts: set[str]) -> str:
    facts = f"{kind.means}\n\n- **Data**: {kind.data}\n- **Next**: {kind.next}"
    lines = "\n".join(f"- {code(text)}" for text in sorted(texts, key=lambda text: (text.strip("… ").lower(), text)))
    return f"## {kind.title}\n\n{facts}\n\nThe messages:\n\n{lines}\n"


def code(text: str) -> str:
    """Return a message as Markdown shows it to the letter."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"
