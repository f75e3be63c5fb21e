"""A lake in S3, against moto's server over a real socket: the same files, the same refusals, one line for each error."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import s3fs
from moto.server import ThreadedMotoServer

from sequel_assets.insights.periods import Days
from sequel_assets.insights.ranges import Scope
from sequel_assets.queries import range_answers
from sequel_assets.queries.engines.duckdb_lake import opened_lake
from sequel_assets.queries.errors import QueryError
from sequel_assets.queries.lake.place import LakePlace
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.catalog import known_companies
from sequel_assets_tests.cli.exported_rows import out
from sequel_assets_tests.cli.lake.lakes import FACTS_OF_MARCH, change_minutes, contents, fill_months, make, manifest_of
from sequel_assets_tests.support.rows import day

__all__ = ["out"]
LAKE = "s3://bucket/deep/lake"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an S3 of its own."""
    served = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    served.start()
    try:
        host, port = served.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        served.stop()


@pytest.fixture
def s3(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket, reached as people reach theirs: by the environment of the AWS SDKs."""
    given = {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "zq-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    fs = s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
    fs.mkdir("bucket")
    yield fs
    fs.rm("bucket", recursive=True)


def objects(s3: Any) -> dict[str, bytes]:
    """Every object beneath the lake's prefix."""
    prefix = LAKE.removeprefix("s3://") + "/"
    return {path.removeprefix(prefix): s3.cat_file(path) for path in s3.find(prefix)}


def test_a_lake_in_s3_is_that_of_a_folder_and_only_what_changed_is_written_again(
    warehouse: Warehouse, out: Path, s3: Any
) -> None:
    """To the byte, but for the time in the manifest; the old file goes."""
    fill_months(warehouse)
    make(warehouse, out)
    make(warehouse, LAKE)
    first = objects(s3)
    assert manifest_of(first) == manifest_of(contents(out))
    make(warehouse, LAKE)
    assert objects(s3) == first
    change_minutes(warehouse, day(0), 5)
    make(warehouse, LAKE)
    second = objects(s3)
    manifest_of(second)
    assert {path.rpartition("/")[0] for path in first.keys() ^ second.keys()} == {
        FACTS_OF_MARCH,
        "refreshes/company=acme.0",
    }


def test_duckdb_answers_from_s3_as_the_warehouse_does(warehouse: Warehouse, s3: Any) -> None:
    """Each object is verified on its way; one that somebody changed at its size is refused."""
    fill_months(warehouse)
    make(warehouse, LAKE)
    (acme,) = [one for one in _companies(warehouse) if one.company_id == "acme"]
    scope = Scope("acme", Days(day(0), day(2)))
    with warehouse.read() as connection, opened_lake(LAKE, scope.days) as lake:
        expected = range_answers.usage(connection, acme, scope)
        found = range_answers.usage(lake.of(scope), acme, scope)
    assert (found.rows, found.about()) == (expected.rows, expected.about())
    (path,) = [path for path in objects(s3) if path.startswith(FACTS_OF_MARCH)]
    place = f"{LAKE.removeprefix('s3://')}/{path}"
    s3.pipe_file(place, s3.cat_file(place)[:-1] + b"\0")
    with opened_lake(LAKE, scope.days) as lake, pytest.raises(QueryError) as refused:
        range_answers.usage(lake.of(scope), acme, scope)
    assert str(refused.value).startswith(f"{LAKE}/{path}: it is gone or not as the export wrote it;")


def _companies(warehouse: Warehouse) -> Any:
    with warehouse.read() as connection:
        return known_companies(connection)


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_what_somebody_put_there_is_refused_and_a_fresh_file_that_no_manifest_names_stays(
    warehouse: Warehouse, s3: Any
) -> None:
    """Nothing locks in S3: such a file may be another export's that has not ended."""
    fill_months(warehouse)
    make(warehouse, LAKE)
    theirs = f"{FACTS_OF_MARCH}/{'a' * 32}.parquet"
    s3.pipe_file(f"{LAKE.removeprefix('s3://')}/{theirs}", b"PAR1")
    make(warehouse, LAKE)
    assert theirs in objects(s3)
    s3.pipe_file(f"{LAKE.removeprefix('s3://')}/events/notes.csv", b"x")
    before = objects(s3)
    with pytest.raises(QueryError) as refused:
        make(warehouse, LAKE)
    assert str(refused.value) == (
        f"{LAKE}/events/notes.csv: no export of a lake wrote this; nothing was changed; move it elsewhere, or export to another folder"
    )
    assert objects(s3) == before


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_an_export_that_another_one_overtook_leaves_its_lake(warehouse: Warehouse, s3: Any) -> None:
    """The manifest is compared before it is replaced."""
    from sequel_assets.cli.lake.writing import LakeWriter

    fill_months(warehouse)
    make(warehouse, LAKE)
    place = LakePlace(LAKE)
    found = place.manifest()
    assert found is not None
    change_minutes(warehouse, day(0), 5)
    make(warehouse, LAKE)
    before = objects(s3)
    with pytest.raises(QueryError) as refused:
        LakeWriter(place, Path()).finish(*found)
    assert (
        str(refused.value)
        == f"{LAKE}: another export has renewed this lake meanwhile; it stays as that one left it; run this again"
    )
    assert objects(s3) == before


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_an_s3_that_cannot_be_had_is_a_line(warehouse: Warehouse, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No bucket, nobody there; no secret is repeated."""
    fill_months(warehouse)
    end = "the lake is as it was; run the same command again when that is repaired"
    with pytest.raises(QueryError) as refused:
        make(warehouse, "s3://nowhere/lake")
    assert str(refused.value) == f"s3://nowhere/lake: The specified bucket does not exist; {end}"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    with pytest.raises(QueryError) as refused:
        make(warehouse, LAKE)
    said = str(refused.value)
    assert said.startswith(f"{LAKE}: ")
    assert said.endswith(end)
    assert "zq-secret" not in said
