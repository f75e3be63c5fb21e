"""A warehouse's URL is understood as it is meant, or refused in one line that shows nothing secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.database.errors import WarehouseError
from sequel_assets_tests.support.commands.calls import call_in_process

NOT_SQLITE = "SEQUEL_WAREHOUSE_URL: {}; nothing was opened; write sqlite:///FILE, or sqlite:////FOLDER/FILE for an absolute path, the path as it is"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite+aiosqlite:///w.db", "it names a driver, which would not be used"),
        ("sqlite+pysqlcipher:///w.db", "it names a driver, which would not be used"),
        ("sqlite:///w.db?timeout=5", "an SQLite file takes no options, so it has no ?"),
        ("sqlite:///w.db?mode=ro&uri=true", "an SQLite file takes no options, so it has no ?"),
        ("sqlite:///w.db?", "an SQLite file takes no options, so it has no ?"),
        ("sqlite:///what?.db", "an SQLite file takes no options, so it has no ?"),
        ("sqlite:///:memory:?cache=shared", "an SQLite file takes no options, so it has no ?"),
        ("sqlite:///file:w.db?mode=ro", "an SQLite file takes no options, so it has no ?"),
        ("sqlite:///w.db#main", "it has a #, which may be meant as the end of the path or as a part of it"),
        ("sqlite:///my%20data/w.db", "it has a % with two digits, which may stand for a character or for itself"),
        ("sqlite:///w%3Fx.db", "it has a % with two digits, which may stand for a character or for itself"),
        ("sqlite:///~/w.db", "it begins with ~, and that is not taken for a home folder"),
        ("sqlite:///~root/w.db", "it begins with ~, and that is not taken for a home folder"),
        ("sqlite:///$HOME/w.db", "it has a $, and variables are not filled in"),
        ("sqlite:///data/${NAME}.db", "it has a $, and variables are not filled in"),
        ("sqlite:///file:w.db", "it has file: within, and takes a path alone"),
        ("sqlite:////FILE:/tmp/w.db", "it has file: within, and takes a path alone"),
        ("sqlite:/// w.db", "its path begins or ends with a blank or a quotation mark"),
        ('sqlite:///w.db"', "its path begins or ends with a blank or a quotation mark"),
        ("sqlite:///'w.db'", "its path begins or ends with a blank or a quotation mark"),
        ("sqlite:///w\x1b]0;x.db", "its path holds characters that cannot be printed"),
        ("sqlite:///w\u200b.db", "its path holds characters that cannot be printed"),
        ("sqlite://host/w.db", "an SQLite file has no host; a third / is missing before the path"),
        ("sqlite://w.db", "an SQLite file has no host; a third / is missing before the path"),
        ("sqlite://user:secret@/w.db", "an SQLite file has neither user, password nor port"),
    ],
)
def test_what_is_not_understood_of_a_file_is_refused(
    url: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be another file than the one that is meant, without a word."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WarehouseError) as told:
        Warehouse(url)
    assert str(told.value) == NOT_SQLITE.format(why)
    assert "secret" not in str(told.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///w.db", "w.db"),
        ("sqlite:////srv/data/w.db", "/srv/data/w.db"),
        ("  sqlite:///../w.db \n", "../w.db"),
        ("sqlite:///My Data/R&D 100%/Größe 5$.db", "My Data/R&D 100%/Größe 5$.db"),
        ("sqlite:///a~b/w;1.db", "a~b/w;1.db"),
        ("SQLITE:///w.db", None),
    ],
)
def test_what_is_understood_of_a_file_is_taken_to_the_letter(url: str, path: str | None) -> None:
    """Whatever a path may hold that can only be meant so."""
    if path is None:
        with pytest.raises(WarehouseError):
            Warehouse(url)
    else:
        assert Warehouse(url).url.database == path


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("autocommit=true", "autocommit behind the ? is not known to PostgreSQL's library"),
        ("prepare_threshold=1", "prepare_threshold behind the ? is not known to PostgreSQL's library"),
        ("row_factory=x", "row_factory behind the ? is not known to PostgreSQL's library"),
        ("ssl=true", "ssl behind the ? is not known to PostgreSQL's library"),
        ("sslmod=require", "sslmod behind the ? is not known to PostgreSQL's library"),
        ("%1b%5d=x", "one of its options behind the ? is not known to PostgreSQL's library"),
        ("client_encoding=latin1", "client_encoding is always UTF-8"),
        ("sslmode=require&sslmode=disable", "sslmode occurs twice"),
    ],
)
def test_an_option_that_postgresqls_library_does_not_know_is_refused(query: str, why: str) -> None:
    """A misspelled `sslmode` would be no TLS, and the driver has arguments of its own that are not for a URL."""
    with pytest.raises(WarehouseError) as told:
        Warehouse(f"postgresql://u:secret@h/d?{query}")
    assert str(told.value).startswith(f"SEQUEL_WAREHOUSE_URL: {why}; nothing was opened; ")
    assert "secret" not in str(told.value)


def test_what_the_library_knows_is_passed_on() -> None:
    """TLS, sockets, several servers, time-outs, a search path."""
    query = "sslmode=verify-full&sslrootcert=/ca.pem&host=a&host=b&connect_timeout=3&options=-csearch_path%3Dx&application_name=bi"
    url = Warehouse(f"postgresql:///d?{query}").url
    assert dict(url.query) == {
        "sslmode": "verify-full",
        "sslrootcert": "/ca.pem",
        "host": ("a", "b"),
        "connect_timeout": "3",
        "options": "-csearch_path=x",
        "application_name": "bi",
    }


def test_a_command_ends_with_2_and_the_line(tmp_path: Path) -> None:
    """Nothing is made, not even the file that the letter of the URL names."""
    done = call_in_process(["migrate"], tmp_path, {"SEQUEL_WAREHOUSE_URL": "sqlite:///w.db?mode=rwc"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip() == NOT_SQLITE.format("an SQLite file takes no options, so it has no ?")
    assert list(tmp_path.glob("w*")) == []
