"""Foreign text is made visible, never obeyed."""

# ruff: noqa: RUF001 - names in other scripts are what this is about

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequel_assets.safety.visible import MAX_MARKS, MAX_SHOWN, harmless, read_back, shown_as_escapes, visible
from sequel_assets_tests.support.hostile_names import HOSTILE, obeyed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]52;c;aGk=\x07NAME", r"\x1b]52;c;aGk=\x07NAME"),
        ("\x9b31mred\x85", r"\x9b31mred\x85"),
        ("two\nlines\r\ttab\x0b\x0c\x7f\x00", r"two\x0alines\x0d\x09tab\x0b\x0c\x7f\x00"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        (
            "\u202etxt.exe\u202c \u2066x\u2069 \u200e\u200f\u061c",
            r"\u202etxt.exe\u202c \u2066x\u2069 \u200e\u200f\u061c",
        ),
        ("zero\u200bwidth\ufeff\u2060\u00ad", r"zero\u200bwidth\ufeff\u2060\xad"),
        ("pay\u200dpal and pay\u200cpal", r"pay\u200dpal and pay\u200cpal"),
        ("支\u200c付", r"支\u200c付"),
        ("tag\U000e0041\U000e007f", r"tag\U000e0041\U000e007f"),
        ("\ud800 and \udcff", r"\ud800 and \udcff"),
        ("\ue000\U0010ffff\ufffe", r"\ue000\U0010ffff\ufffe"),
        ("\u3164\u115f\u2800", r"\u3164\u115f\u2800"),
        ("\u0301leading", r"\u0301leading"),
        ("\ufff9a\ufffab\ufffb", r"\ufff9a\ufffab\ufffb"),
    ],
)
def test_what_a_terminal_would_act_on_is_written_as_its_code_point(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert read_back(shown) == text


@pytest.mark.parametrize(
    "text",
    [
        "Zoë Ångström", "Zoe\u0308", "Nguyễn Thị Ánh", "O'Brien-Łukasz & Söhne <x> [bold] 100%", "محمد بن سلمان", "می\u200cخواهم", "דָּוִד", "र्\u200dय क्\u200cष",
        "北京市 テスト 한국어", "ไทย ภาษา", "བོད་སྐད་", "👩\u200d👩\u200d👧\u200d👦", "👩🏽\u200d🚀", "🏳\ufe0f\u200d🌈", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "1\ufe0f\u20e3 ❤\ufe0f", "🇩🇪", "𝒮cript", "١٢٣ \u0600٤", r"C:\users\xena\new", "tail\\", "a\u00a0b\u3000c", "\U0001fae9\U0001fbff", "…—“”€",
    ],
)  # fmt: skip
def test_ordinary_text_of_every_script_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_marks_are_bounded_on_one_base() -> None:
    """A tower of them would reach over the lines around it."""
    assert visible("a" + "\u0301" * 8) == "a" + "\u0301" * MAX_MARKS + r"\u0301" * 2


def test_a_backslash_is_one_unless_it_would_read_as_an_escape() -> None:
    assert visible(r"C:\temp \x1b \u202e \U000e0041 \x1") == r"C:\temp \x5cx1b \x5cu202e \x5cU000e0041 \x1"
    assert visible("\\\x1b") == r"\\x1b"


@given(
    st.text(st.characters(exclude_categories=()), max_size=40)
    | st.text(st.sampled_from("\\xu15bU0\x1b\u202e"), max_size=30)
)
def test_no_two_texts_look_alike(text: str) -> None:
    shown = shown_as_escapes(text)
    assert read_back(shown) == text
    assert obeyed(shown) == ""


@given(st.text(st.characters(exclude_categories=()), max_size=60), st.integers(1, 20))
def test_a_long_text_is_cut_and_says_how_long_it_is(text: str, longest: int) -> None:
    """No half of an escape is left, which would read as another text."""
    shown = visible(text, longest)
    said = re.fullmatch(r"(?s)(.*)… \((\d+) characters\)", shown)
    if len(shown_as_escapes(text)) <= longest:
        assert shown == shown_as_escapes(text)
    else:
        assert said is not None
        assert len(said[1]) <= longest
        assert text.startswith(read_back(said[1]))
        assert int(said[2]) == len(text)


def test_a_default_bound_holds() -> None:
    assert visible("x" * 5000) == "x" * MAX_SHOWN + "… (5,000 characters)"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_finished_line_is_not_escaped_twice(text: str) -> None:
    """What was made visible where a message was put together leaves as it is; what was not is made visible at the exit."""
    assert harmless(visible(text)) == visible(text)
    assert obeyed(harmless(text), but="\n") == ""
    assert harmless("one\ntwo") == "one\ntwo"


def test_every_code_point_that_unicode_hides_is_shown() -> None:
    """But for thirteen signs that are drawn around Arabic and Kaithi numbers."""
    hidden = [chr(n) for n in range(0x110000) if unicodedata.category(chr(n)) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")]
    assert len(hidden) > 130_000
    as_they_are = "".join(sign for sign in hidden if visible(f"a{sign}b") == f"a{sign}b")
    assert as_they_are == "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
