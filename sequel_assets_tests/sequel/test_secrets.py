"""Nothing secret and nobody's e-mail is in any error, repr or log."""

import logging
import pickle
import traceback

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.sequel import Participant, SequelClient, SequelConfig, SequelError
from sequel_assets.sequel.call import Call
from sequel_assets.sequel.redaction import redacted
from sequel_assets_tests.sequel.conftest import SECRET, Wire, config

SPEAKING = f"Token token-1 and {SECRET} of ann@example.com, Ann%40example.com\nand {'more ' * 100}"


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(400, json={"hasError": True, "errorMessage": SPEAKING}),
        httpx.Response(200, json={"hasError": True, "errorMessage": SPEAKING}),
        httpx.Response(500, text=SPEAKING),
        httpx.Response(200, text=SPEAKING),
        httpx.Response(200, json=[SPEAKING]),
        httpx.Response(200, json={"uid": "c", "parentCompanyId": {SPEAKING: SPEAKING}}),
        httpx.RemoteProtocolError(SPEAKING),
        httpx.ConnectError(SPEAKING),
    ],
    ids=repr,
)
def test_no_error_and_no_log_tells_a_secret(
    wire: Wire, client: SequelClient, caplog: pytest.LogCaptureFixture, reply: httpx.Response | Exception
) -> None:
    """Nor do the exceptions chained to it, which tracebacks print as well."""
    caplog.set_level(logging.DEBUG)
    wire.replies = [reply]
    with pytest.raises(SequelError) as caught:
        client.company("c")
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    told += repr(client) + repr(client.config) + repr(client.stats) + repr(vars(caught.value))
    for secret in (SECRET, "token-1", "ann@", "Ann%40", "example.com"):
        assert secret not in told
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 320


def test_an_error_survives_pickling() -> None:
    """It may have to cross from one process to another."""
    error = SequelError("what", status=500, path="/p")
    error.attempts = 2
    copied = pickle.loads(pickle.dumps(error))
    assert (str(copied), copied.status, copied.attempts) == ("what (/p), tried 2 times", 500, 2)


def test_the_repr_of_a_person_tells_nobody() -> None:
    """Models end up in logs by accident."""
    assert repr(Participant(name="Ann", email="ann@x.y", engaged_minutes=3)) == "Participant(engaged_minutes=3)"


def test_the_body_of_the_sign_in_is_in_no_repr() -> None:
    """It is the secret."""
    assert SECRET not in repr(Call("token", "/t", body={"client_secret": SECRET})) + repr(config())


@given(st.text(max_size=300), st.text(max_size=2000))
def test_a_redacted_text_is_short_and_on_one_line_and_without_the_secret(before: str, after: str) -> None:
    """Wherever the secret stands, also across the cut."""
    line = redacted(before + SECRET + after, [SECRET, ""])
    assert (SECRET in line, "@" in line and "a@b" in line, len(line) <= 200, len(line.splitlines()) <= 1) == (
        False,
        False,
        True,
        True,
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"api_url": "api.introvoke.com"}, "api_url must be an http"),
        ({"api_url": "ftp://x"}, "api_url must be an http"),
        ({"api_url": "http://x:99999"}, "api_url must be an http"),
        ({"analytics_url": "https://ann:pw@x"}, "analytics_url must hold no user name"),
        ({"analytics_url": "https://x/?a=b"}, "analytics_url must hold no"),
        ({"client_id": " "}, "client_id must not be empty"),
        ({"max_concurrency": 0}, "max_concurrency must be at least 1"),
        ({"read_timeout_seconds": 0}, "read_timeout_seconds must be more than 0"),
        ({"retry_budget_seconds": -1}, "retry_budget_seconds must not be negative"),
    ],
)
def test_a_config_that_cannot_work_is_refused_by_name(change: dict[str, object], complaint: str) -> None:
    """Before anything is opened; without telling the value, which may be the secret in the wrong place."""
    with pytest.raises(ValueError, match=complaint):
        config(**change)


def test_a_config_keeps_its_urls_without_the_last_slash() -> None:
    """Paths begin with one."""
    assert SequelConfig("https://a/ ", "http://b/x/", "i", "s").analytics_url == "http://b/x"
