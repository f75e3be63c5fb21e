"""A file that a command writes is there whole, or what was there stays."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from sequel_assets.cli.support.atomic_file import replacing


def write_half(path: Path) -> None:
    with replacing(path) as file:
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("was", [b"precious", None])
def test_what_fails_half_way_leaves_what_was_there(tmp_path: Path, was: bytes | None) -> None:
    """A disk that is full: the old bytes, or no file; the error names the file that was asked for."""
    kept = tmp_path / "people.csv"
    if was is not None:
        kept.write_bytes(was)
    with pytest.raises(OSError, match="No space left") as raised:
        write_half(kept)
    assert raised.value.filename == str(kept)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == ([] if was is None else [was])


def test_what_is_replaced_keeps_its_permissions_and_a_link_stays_one(tmp_path: Path) -> None:
    """A file of personal data that only its owner may read is not opened to others."""
    kept, link = tmp_path / "people.csv", tmp_path / "link.csv"
    kept.write_bytes(b"old")
    kept.chmod(0o600)
    link.symlink_to(kept)
    with replacing(link) as file:
        file.write(b"new")
        assert kept.read_bytes() == b"old"
    assert (kept.read_bytes(), kept.stat().st_mode & 0o777, link.is_symlink()) == (b"new", 0o600, True)
    assert sorted(tmp_path.iterdir()) == [link, kept]


def test_a_pipe_is_written_to_as_it_is(tmp_path: Path) -> None:
    """Nothing can take its place."""
    pipe, read = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with replacing(pipe) as file:
        file.write(b"rows")
    reader.join()
    assert (read, pipe.is_fifo()) == ([b"rows"], True)
