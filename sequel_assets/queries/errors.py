"""The error of a question that makes no sense. It imports nothing, since every command does import it."""


class QueryError(Exception):
    """A wrong argument; the message is one line that names the value and what is allowed. Nothing was written."""
