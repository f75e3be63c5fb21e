"""The file of error answers that an owner may ask for: off by default, for his eyes alone, bounded, and never in the way."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from sequel_assets.sequel import InvalidAnswer, NotFound, SequelError, SignInRefused
from sequel_assets.sequel.transport.call import Call
from sequel_assets.sequel.transport.debug_answers import LEFT_OUT, KeptAnswers
from sequel_assets.sequel.transport.http import HttpAnswer
from sequel_assets_tests.sequel.conftest import SECRET, Wire

NAME = "Zebedee Quillfeather"


def kept(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_error_answer_is_kept_to_the_letter_without_secrets(wire: Wire, tmp_path: Path) -> None:
    """When, which call, what was said; 0600, whatever the umask."""
    path = tmp_path / "answers.jsonl"
    body = json.dumps({"errorMessage": f"{NAME} not found; {SECRET}, token-1"})
    wire.replies = [httpx.Response(404, text=body)]
    before = os.umask(0)
    try:
        with wire.client(debug_answers=str(path)) as client, pytest.raises(NotFound):
            client.company("a b")
    finally:
        os.umask(before)
    assert kept(path) == [
        {
            "at": "2026-02-02T02:40:00.000+00:00",
            "call": "GET /api/v1/company/a%20b",
            "status": 404,
            "error": "not found (404), JSON: token",
            "content_type": "text/plain; charset=utf-8",
            "body_bytes": len(body),
            "body": json.dumps({"errorMessage": f"{NAME} not found; [secret], [secret]"}),
        }
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_good_answer_of_the_wrong_shape_is_kept_and_a_right_one_is_not(wire: Wire, tmp_path: Path) -> None:
    """Two attempts are two lines."""
    path = tmp_path / "answers.jsonl"
    with wire.client(debug_answers=str(path)) as client:
        wire.replies = [httpx.Response(200, json={"uid": "c"})]
        client.company("c")
        assert kept(path) == []
        wire.replies = [httpx.Response(200, json={"uid": {NAME: 1}})]
        with pytest.raises(InvalidAnswer):
            client.company("c")
    assert [(one["status"], NAME in one["body"]) for one in kept(path)] == [(200, True)] * 2


def test_answers_that_may_hold_a_new_secret_are_left_out(wire: Wire, tmp_path: Path) -> None:
    """A token or a key that came under a status of success, in a shape that was not understood."""
    path = tmp_path / "answers.jsonl"
    with wire.client(debug_answers=str(path), max_attempts=1) as client:
        wire.token_replies = [httpx.Response(200, json={"access_token": "blank in it"})]
        with pytest.raises(InvalidAnswer):
            client.company("c")
        wire.token_replies = []
        wire.replies = [httpx.Response(201, json={"clientSecret": "new"})]
        with pytest.raises(SequelError):
            client.create_subscription("virtual-stage-created", "c", "https://hooks.example.com/capability-of-it")
        wire.replies = [httpx.Response(400, text="no https://hooks.example.com/capability-of-it")]
        with pytest.raises(SequelError):
            client.create_subscription("virtual-stage-created", "c", "https://hooks.example.com/capability-of-it")
        wire.replies = [httpx.Response(401, text=f"Token not found for {NAME}")]
        with pytest.raises(SignInRefused):
            client.company("c")
    assert [one["body"] for one in kept(path)] == [LEFT_OUT, LEFT_OUT, "no [secret]", f"Token not found for {NAME}"]


def answer(number: int, size: int = 40) -> tuple[Call, HttpAnswer, SequelError]:
    body = f"{number} ".encode().ljust(size, b"x")
    return Call("company", "/c"), HttpAnswer(500, "text/plain", None, None, body), SequelError("it failed", status=500)


def test_many_threads_append_whole_lines_and_the_file_stays_small(tmp_path: Path) -> None:
    """What is full forgets its older half; the newest are there."""
    path = tmp_path / "answers.jsonl"

    def keep(number: int) -> None:  # as processes do, each with its own
        KeptAnswers(str(path), largest_bytes=20_000).keep(*answer(number), (), 0.0)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(keep, range(500)))
    keep(500)
    numbers = [int(one["body"].split()[0]) for one in kept(path)]
    assert numbers[-1] == 500
    assert len(set(numbers)) == len(numbers) > 50
    assert 5_000 < path.stat().st_size <= 20_000


def test_a_long_body_is_cut(tmp_path: Path) -> None:
    """64 KiB of it are enough to see what it is; how long it was is said."""
    path = tmp_path / "answers.jsonl"
    KeptAnswers(str(path)).keep(*answer(1, 1_000_000), (), 0.0)
    assert [(len(one["body"]), one["body_bytes"]) for one in kept(path)] == [(64 * 1024, 1_000_000)]


def as_link(path: Path) -> None:
    (path.parent / "target").touch(0o600)
    path.symlink_to(path.parent / "target")


def as_dangling_link(path: Path) -> None:
    path.symlink_to(path.parent / "nothing")


def as_second_name(path: Path) -> None:
    (path.parent / "target").touch(0o600)
    path.hardlink_to(path.parent / "target")


def as_readable(path: Path) -> None:
    path.touch()
    path.chmod(0o640)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (as_link, "it is a link; name the file itself"),
        (as_dangling_link, "it is a link; name the file itself"),
        (as_second_name, "it is no plain file, or has a second name"),
        (as_readable, "others may read or write it; chmod 600 it, or delete it"),
        (Path.mkdir, "Is a directory"),
        (lambda path: os.mkfifo(path, 0o600), "it is no plain file, or has a second name"),
    ],
    ids=["link", "dangling", "hard link", "readable", "folder", "pipe"],
)
def test_a_file_that_others_may_reach_is_refused(wire: Wire, tmp_path: Path, make: Any, words: str) -> None:
    """When the client is made, by name and in one line; nothing is written."""
    path = tmp_path / "answers.jsonl"
    make(path)
    with pytest.raises(ValueError, match=r"^debug_answers: ") as told:
        wire.client(debug_answers=str(path))
    assert str(told.value) == f"debug_answers: {path}: {words}"
    assert [file.stat().st_size for file in tmp_path.iterdir() if file.is_file()] in ([], [0], [0, 0])


def test_a_file_that_cannot_be_written_any_more_fails_no_call(
    wire: Wire, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once, without a word of the answer."""
    path = tmp_path / "answers.jsonl"
    wire.replies = [httpx.Response(404, text=NAME)]
    with wire.client(debug_answers=str(path)) as client:
        path.chmod(0o644)
        for _ in range(2):
            with pytest.raises(NotFound):
                client.company("c")
    lines = [record.getMessage() for record in caplog.records if record.name.endswith("debug_answers")]
    assert lines == [
        f"{path} cannot be written any more (others may read or write it; chmod 600 it, or delete it): answers are not kept"
    ]
    assert path.read_bytes() == b""
