"""Our messages for database errors, by code (PostgreSQL's SQLSTATE) or, where there is none, by a part of the text."""

ROLLED_BACK = "the transaction was rolled back, older data are safe"
_NOTHING = "nothing was written"

SQLITE = {
    "database is locked": "is locked by another process for longer than the busy time-out; nothing was written; try again when it is done",
    "readonly database": "is read-only; nothing was written; give this user the right to write the file and its folder",
    "database or disk is full": "is on a full disk; the transaction was rolled back, older data are safe; free some space and repeat",
    "unable to open database file": "cannot be opened; nothing was written; does its folder exist, and may this user write there?",
    "disk I/O error": "met a disk error; the transaction was rolled back; check the disk, then repeat",
    "file is not a database": "is not an SQLite database; nothing was written; is SEQUEL_WAREHOUSE_URL the right file?",
    "database disk image is malformed": "is damaged; nothing was written; restore it from a backup",
}
"""By a part of SQLite's message, which quotes no values, only names of columns."""

SQLITE_REFUSALS = {
    "UNIQUE constraint failed": f"refused a row whose key is there already; {ROLLED_BACK}",
    "NOT NULL constraint failed": f"refused a row that lacks a value; {ROLLED_BACK}",
    "FOREIGN KEY constraint failed": f"refused a row whose company or event is not there; {ROLLED_BACK}",
    "CHECK constraint failed": f"refused a row that breaks one of its rules; {ROLLED_BACK}",
    "no such table": f"lacks a table; {ROLLED_BACK}; are its tables as `sequel-assets migrate` made them?",
    "already exists": f"has a table of that name already, which is not ours; {ROLLED_BACK}; use a file of its own",
}

CODES = {
    "22": f"refused a value that its column cannot hold; {ROLLED_BACK}",
    "22003": f"refused a number that its column cannot hold; {ROLLED_BACK}",
    "22021": f"refused a text that its encoding cannot hold; {ROLLED_BACK}; a warehouse must be UTF-8",
    "22P02": f"refused a value that is not of its column's type; {ROLLED_BACK}",
    "22P05": f"refused a text that its encoding cannot hold; {ROLLED_BACK}; a warehouse must be UTF-8",
    "23": f"refused a row that breaks one of its rules; {ROLLED_BACK}",
    "23502": f"refused a row that lacks a value; {ROLLED_BACK}",
    "23503": f"refused a row whose company or event is not there; {ROLLED_BACK}",
    "23505": f"refused a row whose key is there already; {ROLLED_BACK}",
    "23514": f"refused a row that breaks one of its rules; {ROLLED_BACK}",
    "25006": f"is read-only (a standby, perhaps); {_NOTHING}; use the primary server's address",
    "28": f"refused the user; {_NOTHING}; check user, password and the server's pg_hba.conf",
    "28P01": f"refused the password; {_NOTHING}; check user and password in SEQUEL_WAREHOUSE_URL",
    "3D000": f"is not there: the server has no such database; {_NOTHING}; make it (CREATE DATABASE ... ENCODING 'UTF8') or correct the name",
    "3F000": f"has no schema to work in; {_NOTHING}; give the role a search_path with a schema that is there",
    "42": f"refused a statement; {ROLLED_BACK}; are its tables as `sequel-assets migrate` made them, and in this role's search_path?",
    "42501": f"does not permit that to this role; {ROLLED_BACK}; grant it the rights that docs/databases.md names",
    "42P01": f"lacks a table; {ROLLED_BACK}; is the role's search_path the one that `sequel-assets migrate` had?",
    "42P07": f"has a table of that name already, which is not ours; {ROLLED_BACK}; use a database or a schema of its own",
    "53": f"has no resources left; {ROLLED_BACK}; see to the server's disk, memory and connections, then repeat",
    "53100": f"is on a full disk; {ROLLED_BACK}; free some space and repeat",
    "53200": f"is out of memory; {ROLLED_BACK}; see to the server, then repeat",
    "53300": f"has no connection left; {_NOTHING}; raise its max_connections, or use fewer processes, then repeat",
    "54": f"has reached one of its limits; {ROLLED_BACK}",
    "55": f"is not in a state to do that; {ROLLED_BACK}; try again",
    "55P03": f"was locked by another transaction for longer than the time-out; {ROLLED_BACK}; try again when it is done",
    "57": f"stopped a statement; {ROLLED_BACK}; repeat",
    "57014": f"cancelled a statement, by a time-out or by hand; {ROLLED_BACK}; repeat",
    "57P04": f"was dropped; {_NOTHING}",
    "58": f"met an error of its operating system; {ROLLED_BACK}; see to the server's log and disk",
    "XX": f"met an error within itself; {ROLLED_BACK}; see to the server's log",
}
"""By code, or by its first two characters."""

CONNECTING = (
    (r"auth?enti|no password supplied",
        f"refused the password; {_NOTHING}; check user and password in SEQUEL_WAREHOUSE_URL"),
    (r"database \"\" does not exist|no such database", CODES["3D000"]),
    (r"role \"\" does not exist|not permitted to log in|pg_hba|no such user", CODES["28"]),
    (r"too many|remaining connection slots|no more connections", CODES["53300"]),
    (r"translate host name|name or service|resolve|nodename",
        f"cannot be found: its host's name is not known; {_NOTHING}; check the host in SEQUEL_WAREHOUSE_URL, then "
        "repeat"),
    (r"connection refused",
        f"cannot be reached: nobody listens at its host and port; {_NOTHING}; check SEQUEL_WAREHOUSE_URL and the "
        "server, then repeat"),
    (r"no such file or directory",
        f"cannot be reached: there is no such socket, or a file that its options name; {_NOTHING}; check "
        "SEQUEL_WAREHOUSE_URL and the server, then repeat"),
    (r"timeout|timed out|unreachable|no route",
        f"cannot be reached: its host does not answer in time; {_NOTHING}; check SEQUEL_WAREHOUSE_URL and the "
        "network, then repeat"),
    (r"ssl|certificate|tls",
        f"and this program do not agree on encryption; {_NOTHING}; check sslmode and sslrootcert behind the ? of "
        "SEQUEL_WAREHOUSE_URL"),
    (r"unsupported startup parameter",
        f"is behind a pooler that refuses a start-up option; {_NOTHING}; take `options` out of SEQUEL_WAREHOUSE_URL "
        "and PGOPTIONS"),
    (r"invalid connection option|invalid .*value|missing \"=\"|service",
        f"has an option with a value that is none; {_NOTHING}; check what is behind the ? of SEQUEL_WAREHOUSE_URL, "
        "and the variables PG..."),
    (r"nul \(0x00\)|nul bytes", f"refused a text with a NUL; {ROLLED_BACK}"),
    (r"starting up|shutting down|recovery|not yet accepting",
        f"is starting or stopping; {_NOTHING}; repeat in a moment"),
    (r"connection|connect", f"cannot be reached; {_NOTHING}; check SEQUEL_WAREHOUSE_URL and the server, then repeat"),
)  # fmt: skip
"""By a pattern in the driver's message while it connects, in order: it has no code, and may be in any language."""
