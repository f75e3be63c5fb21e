"""Nothing secret, and not a word that Sequel said, is in any error, repr or log."""

import json
import logging
import pickle
import traceback

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.sequel import Participant, SequelClient, SequelConfig, SequelError
from sequel_assets.sequel.codes import TOPICS, code_of
from sequel_assets.sequel.transport.call import Call
from sequel_assets.sequel.transport.http import Transport
from sequel_assets_tests.sequel.conftest import SECRET, Wire, config

NAME = "Zebedee Quillfeather"
SPEAKING = f'Token token-1 and {SECRET} of {NAME}, zebedee\uff20example.com, "first last"@example.com\nzebedee%2540example.com zebedee at example.com'
WORDS = (SECRET, "token-1", "ebedee", "uillfeather", "example.com", "first last")
REPLIES: list[httpx.Response | Exception] = [
    *(httpx.Response(status, json={"hasError": True, "errorMessage": SPEAKING}) for status in (200, 400, 401, 403)),
    *(httpx.Response(status, json={"message": SPEAKING, SPEAKING: [SPEAKING]}) for status in (404, 409, 422, 429, 500)),
    *(httpx.Response(status, text=SPEAKING) for status in (200, 302, 400, 401, 404, 429, 503)),
    *(httpx.Response(status, html=f"<title>{SPEAKING}</title>") for status in (200, 403, 502)),
    httpx.Response(200, json=[SPEAKING]),
    httpx.Response(200, json=SPEAKING),
    httpx.Response(200, json={"uid": {NAME: NAME}}),
    httpx.Response(200, json={"uid": "c", "parentCompanyId": {SPEAKING: SPEAKING}}),
    httpx.Response(200, content=f'{{"uid": "c", "name": "{NAME}'.encode()),
    httpx.Response(200, content=f'{{"{NAME}": 1, "{NAME}": 2}}'.encode()),
    httpx.Response(200, content=NAME.encode("utf-16")),
    httpx.Response(404, headers={"retry-after": NAME, "date": NAME, "content-type": f"text/{NAME}"}, text=NAME),
    httpx.Response(302, headers={"location": f"https://{NAME}/".replace(" ", "")}),
    httpx.RemoteProtocolError(SPEAKING),
    httpx.ConnectError(SPEAKING),
    httpx.DecodingError(SPEAKING),
    httpx.InvalidURL(SPEAKING),
]


def everything_of(error: BaseException) -> str:
    """Whatever anybody may print of an error: its text, arguments, attributes, and those of what is chained to it."""
    told = "".join(traceback.format_exception(error)) + repr(error) + str(error) + repr(error.args) + repr(vars(error))
    return told + "".join(everything_of(one) for one in (error.__cause__, error.__context__) if one is not None)


@pytest.mark.parametrize("field", ["name", "eventIds"])
def test_a_company_with_a_bad_field_says_which_one_and_nothing_of_it(
    wire: Wire, client: SequelClient, caplog: pytest.LogCaptureFixture, field: str
) -> None:
    """It is no error: one odd field hides no company."""
    caplog.set_level(logging.DEBUG)
    wire.replies = [httpx.Response(200, json={"uid": "c", field: [{SPEAKING: SPEAKING}]})]
    company = client.company("c")
    assert (company.uid, company.bad_fields) == ("c", (field,))
    assert [word for word in WORDS if word in repr(company) + caplog.text] == []


@pytest.mark.parametrize("reply", REPLIES, ids=range(len(REPLIES)))
def test_no_error_and_no_log_holds_a_word_of_the_answer(
    wire: Wire, client: SequelClient, caplog: pytest.LogCaptureFixture, reply: httpx.Response | Exception
) -> None:
    """Nor do the exceptions chained to it, which tracebacks print as well. A filter could not do that: names look like words."""
    caplog.set_level(logging.DEBUG)
    wire.replies = [reply]
    with pytest.raises(SequelError) as caught:
        client.company("c")
    told = everything_of(caught.value) + caplog.text
    told += repr(client) + repr(client.config) + repr(client.stats)
    assert [word for word in WORDS if word in told] == []
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b" ", "", "empty"),
        (b"<p>no</p>", "", "HTML"),
        (b"x", "text/HTML; charset=utf-8", "HTML"),
        (b"Zebedee", "", "text"),
        (b"Token not found", "", "text: token"),
        (b"Event not found", "", "text: not found"),
        (b'"License invalid"', "", "JSON: license"),
        (b'{"errorMessage": "Quota of Zebedee exceeded"}', "", "JSON: quota"),
        (b'{"hasError": true, "errorMessage": {"a": "quota"}}', "", "JSON"),
        (b'{"a": "quota"}', "", "JSON"),
        (b"[]", "", "JSON"),
        (b'{"a": 1, "a": 2} forbidden', "", "text: no access"),
    ],
)
def test_an_error_answer_has_a_code_of_ours(body: bytes, content_type: str, code: str) -> None:
    """So that the owner can tell errors apart without anybody being named."""
    assert code_of(body, content_type) == code


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: json.dumps({"errorMessage": text}).encode()))
def test_a_code_is_one_of_a_few_whatever_comes(body: bytes) -> None:
    """No answer, however spelt, can put a word of its own into a message."""
    form, _, topic = code_of(body, "").partition(": ")
    assert form in {"empty", "HTML", "text", "JSON"}
    assert topic in {"", *(topic for topic, _ in TOPICS)}


def test_the_path_in_a_message_is_bounded() -> None:
    """Ids are of any length."""
    assert len(str(SequelError("what", path="/" + "a" * 10_000))) < 320


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


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"api_url": "api.introvoke.com"}, "api_url must be an http"),
        ({"api_url": "ftp://x"}, "api_url must be an http"),
        ({"api_url": "https://x:99999"}, "api_url must be an http"),
        ({"api_url": "https://x y"}, "api_url must be an http"),
        ({"api_url": "https://"}, "api_url must be an http"),
        ({"api_url": "https://a\u202eb"}, "api_url must be an http"),
        ({"api_url": "https://ann@x"}, "api_url must hold no user name"),
        ({"api_url": "https://x?"}, "api_url must hold no"),
        ({"api_url": "https://x/#"}, "api_url must hold no"),
        ({"api_url": "https://x\\.y.z"}, "api_url must"),
        ({"analytics_url": "https://ann:pw@x"}, "analytics_url must hold no user name"),
        ({"analytics_url": "https://x/?a=b"}, "analytics_url must hold no"),
        ({"client_id": " "}, "client_id must not be empty"),
        ({"max_values": 0}, "max_values must be at least 1"),
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
    assert SequelConfig("https://a/ ", "https://b/x/", "i", "s").analytics_url == "https://b/x"


ELSEWHERE = [
    "http://api.introvoke.com",
    "HTTP://api.introvoke.com",
    "http://localhost.example.com",
    "http://127.0.0.1.example.com",
    "http://10.0.0.1",
    "http://0.0.0.0",
    "http://[::]",
    "http://[fe80::1]",
    "http://127.1",
    "http://2130706433",
    "http://0177.0.0.1",
    "http://\uff11\uff12\uff17.0.0.1",
    "http://localhos\u24e3",
    "http://127.0.0.1%2eexample.com",
    "http://[::ffff:10.0.0.1]",
]
WITHIN = [
    "http://localhost",
    "http://LOCALHOST:8700",
    "http://127.0.0.1:8700/x",
    "http://127.255.0.9",
    "http://[::1]:9",
    "http://[0:0:0:0:0:0:0:1]",
    "https://api.introvoke.com:8443",
    "https://b\u00fccher.example",
]


@pytest.mark.parametrize("name", ["api_url", "analytics_url"])
@pytest.mark.parametrize("url", ELSEWHERE)
def test_nothing_secret_goes_to_another_machine_in_clear(name: str, url: str) -> None:
    """However its name is spelt, unless the owner says that this is meant."""
    with pytest.raises(ValueError, match=f"{name} (is http:// to another machine|must )"):
        config(**{name: url})


@pytest.mark.parametrize("url", WITHIN)
def test_what_stays_within_the_machine_or_is_encrypted_is_taken(url: str) -> None:
    """For the sandbox, tests, and a proxy of one's own."""
    assert config(api_url=url).api_url == url


def test_the_owner_may_accept_plain_http() -> None:
    """By a setting that says so, and by nothing else."""
    url = "http://gateway.example:8080"
    assert config(api_url=url, analytics_url=url, allow_plain_http=True).api_url == url


@pytest.mark.parametrize("proxy", ["HTTP_PROXY", "ALL_PROXY"])
def test_what_goes_in_clear_goes_to_no_proxy(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """A proxy named by the environment would read the client secret that is meant for this machine."""
    for name in ("NO_PROXY", "no_proxy", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(proxy, "http://proxy.example:3128")
    transport = Transport(config(api_url="http://localhost:8700"))
    client = transport._opened()
    try:
        assert client._transport_for_url(httpx.URL("http://localhost:8700/api")) is client._transport
        is_through_proxy = client._transport_for_url(httpx.URL("https://api.test")) is not client._transport
        assert is_through_proxy is (proxy == "ALL_PROXY")
    finally:
        transport.close()
