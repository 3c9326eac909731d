"""Our matcher finds what Python's finds, in linear time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.feel.regex import Regex, RegexError

ATOMS = st.sampled_from(("a", "b", "c", ".", "[ab]", "[^a]", r"\w", r"\d", "党"))
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda p: f"({p[0]}|{p[1]})"),
        # Repetition of what cannot be empty: engines differ on the empty turn of a loop.
        st.tuples(ATOMS, st.sampled_from(("*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?"))).map(
            "".join
        ),
        inner.map(lambda p: f"(?:{p})"),
    ),
    max_leaves=8,
)
TEXTS = st.text(st.sampled_from("abc1党\n"), max_size=8)


@settings(max_examples=500, deadline=None)
@given(PATTERNS, TEXTS, st.sampled_from(("", "^")), st.sampled_from(("", r"$")))
def test_same_as_python(pattern: str, text: str, begin: str, end: str) -> None:
    text = text.rstrip("\n")  # Python's $ also matches before a last newline
    pattern = f"{begin}{pattern}{end}"
    wanted = re.search(pattern, text)
    found = next(Regex(pattern).find(text), None)
    assert (found and found[:2]) == (wanted and wanted.span())


@pytest.mark.parametrize(
    "pattern", ["(", "a)", "[", "[]", "a{2,1}", "*a", r"\y", r"\1", "(?=a)", "(?P<n>a)", r"\p{Foo}", "[b-a]"]
)
def test_no_pattern(pattern: str) -> None:
    with pytest.raises(RegexError):
        Regex(pattern)


@pytest.mark.parametrize(
    ("pattern", "flags", "text", "matches"),
    [
        ("A.C", "i", "abc", True),
        ("a.c", "", "a\nc", False),
        ("a.c", "s", "a\nc", True),
        ("^c", "m", "a\nc", True),
        (" a b ", "x", "ab", True),
        ("a.c", "q", "abc", False),
        (r"[a-z-[aeiou]]+$", "", "e", False),
        (r"(.)\1", "", "abb", True),
        (r"^\p{IsCJKUnifiedIdeographs}+$", "", "履责", True),
        (r"^\P{L}$", "", "履", False),
        (r"^\i\c*$", "", "a-1", True),
    ],
)
def test_xpath(pattern: str, flags: str, text: str, matches: bool) -> None:
    assert (next(Regex(pattern, flags).find(text), None) is not None) is matches
