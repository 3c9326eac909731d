"""Our matcher finds what Python's finds, in linear time."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.feel.limits import FeelLimitError
from engine.feel.regex import STATES_A_STEP, Regex, RegexError

ATOMS = st.sampled_from(
    (
        "a",
        "b",
        "c",
        "A",
        "-",
        ".",
        "[ab]",
        "[^a]",
        "[a-c1]",
        "[^a-b\\d]",
        r"\w",
        r"\W",
        r"\d",
        r"\D",
        r"\s",
        r"\.",
        r"\n",
        "党",
    )
)
GROUP_FREE = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda p: f"(?:{p[0]}|{p[1]})"),
        # Repetition of what cannot be empty: engines differ on the empty turn of a loop.
        st.tuples(
            ATOMS,
            st.sampled_from(
                ("*", "+", "?", "*?", "+?", "??", "{2}", "{0}", "{1,}", "{1,2}", "{0,2}?", "{2}?", "{1,}?")
            ),
        ).map("".join),
    ),
    max_leaves=6,
)
PATTERNS = st.recursive(
    GROUP_FREE,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda p: f"({p[0]}|{p[1]})"),
        inner.map(lambda p: f"({p})"),
        inner.map(lambda p: f"(?:{p})"),
        st.tuples(ATOMS, inner).map(lambda p: f"(?:{p[0]}{p[1]})+"),
        st.tuples(ATOMS, inner).map(lambda p: f"(?:{p[0]}(?:{p[1]}))*?"),
    ),
    max_leaves=4,
)
TEXTS = st.text(st.sampled_from("abcA1-. 党\n"), max_size=9)
FLAGS = st.lists(st.sampled_from("sim"), unique=True).map("".join)
many = settings(max_examples=500, deadline=None)


def pythons(pattern: str, flags: str = "") -> re.Pattern[str]:
    """The same expression for Python's own matcher."""
    chosen = {"s": re.S, "i": re.I, "m": re.M, "x": re.X}
    if "m" not in flags:
        pattern = pattern.replace("$", r"\Z")  # Python's $ also matches before a last newline
    # XPath's \w is everything but punctuation, separators and others; and its \s has four spaces.
    pattern = pattern.replace(r"\w", "[abcA1党]").replace(r"\W", r"[^abcA1党]").replace(r"\s", r"[ \t\n\r]")
    return re.compile(pattern, sum(chosen[flag] for flag in flags))


@many
@given(PATTERNS, TEXTS, st.sampled_from(("", "^")), st.sampled_from(("", "$")), FLAGS)
def test_finds_what_python_finds(pattern: str, text: str, begin: str, end: str, flags: str) -> None:
    pattern = f"{begin}{pattern}{end}"
    wanted = pythons(pattern, flags).search(text)
    found = next(Regex(pattern, flags).find(text), None)
    if wanted is None:
        assert found is None
        return
    spans = [wanted.span(n) for n in range(wanted.re.groups + 1)]
    assert found is not None and [found[n : n + 2] for n in range(0, len(found), 2)] == spans


@many
@given(PATTERNS, TEXTS, FLAGS, st.sampled_from(("", "x", "<$0>", "$1", r"\$-\\", "$1$2")))
def test_replaces_and_splits_as_python(pattern: str, text: str, flags: str, replacement: str) -> None:
    regex, theirs = Regex(pattern, flags), pythons(pattern, flags)
    if theirs.search("") or any(m.start() == m.end() for m in theirs.finditer(text)):
        return  # an error in XPath (F&O 5.6.4, 5.6.5)

    def written(match: re.Match[str]) -> str:
        groups = ["", *((match[n] or "") for n in range(1, theirs.groups + 1)), "", "", ""]
        groups[0] = match[0]
        return re.sub(r"\\(.)|\$(\d)", lambda m: m[1] if m[1] else groups[int(m[2])], replacement)

    assert regex.replace(text, replacement) == theirs.sub(written, text)
    pieces = theirs.split(text)
    assert regex.split(text) == pieces[:: theirs.groups + 1]


@many
@given(
    st.lists(st.sampled_from(("a-c", "b", "A-Z", "0-9", "党", r"\d", r"\-", r"\]")), min_size=1, max_size=3),
    st.lists(st.sampled_from(("a", "b-c", "M-Z", "5", "党", r"\d")), min_size=1, max_size=2),
    st.booleans(),
    st.text(st.sampled_from("abcdzAZ059党]- \n"), max_size=6),
)
def test_subtraction(left: list[str], right: list[str], negative: bool, text: str) -> None:
    group = f"[{'^' if negative else ''}{''.join(left)}-[{''.join(right)}]]"
    wanted = re.compile(f"(?!{'[' + ''.join(right) + ']'})[{'^' if negative else ''}{''.join(left)}]")
    found = [groups[:2] for groups in Regex(group).find(text)]
    assert found == [match.span() for match in wanted.finditer(text)]


@many
@given(st.text("ab.*+?()[]{}|^$\\ 党", min_size=1, max_size=5), st.text("ab.*+? ()党", max_size=8))
def test_literal_flag(pattern: str, text: str) -> None:
    assert [g[0] for g in Regex(pattern, "q").find(text)] == [
        m.start() for m in re.finditer(re.escape(pattern), text)
    ]
    assert Regex(pattern, "q").split(text) == text.split(pattern)


@many
@given(PATTERNS, st.integers(0, 20))
def test_spaces_in_a_free_pattern(pattern: str, seed: int) -> None:
    """Between any two signs that are not one unit together."""
    if any(sign in pattern for sign in "\\[{ ") or "(?:" in pattern:
        return
    spread = "".join(sign + " \n\t"[: (seed + index) % 4] for index, sign in enumerate(pattern))
    assert len(Regex(spread, "x").program) == len(Regex(pattern).program)


@pytest.mark.parametrize("category", ["L", "Lu", "Ll", "Lo", "N", "Nd", "P", "S", "Z", "C", "M"])
def test_categories(category: str) -> None:
    text = "aZ党1٣½-，€ \u0301\u200b"
    inside = {text[g[0]] for g in Regex(rf"\p{{{category}}}").find(text)}
    outside = {text[g[0]] for g in Regex(rf"[\P{{{category}}}]").find(text)}
    assert inside == {c for c in text if unicodedata.category(c).startswith(category)}
    assert outside == set(text) - inside


def states(regex: Regex, text: str) -> int:
    """How many instructions a whole search tries, members of character classes counted."""
    spent: list[int] = []
    for _ in regex.find(text, spent.append):
        pass
    return STATES_A_STEP * sum(spent)


@many
@given(
    st.recursive(
        st.sampled_from(("a", "b", "[ab]", ".")),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map("".join),
            st.tuples(inner, inner).map(lambda p: f"({p[0]}|{p[1]})"),
            st.tuples(inner, st.sampled_from(("*", "+", "?", "*?", "{3}", "{1,3}"))).map(
                lambda p: f"({p[0]}){p[1]}"
            ),
        ),
        max_leaves=8,
    ),
    st.text("ab", max_size=60),
    st.sampled_from(("", "c", "$")),
)
def test_work_is_bounded_by_pattern_times_text(pattern: str, text: str, end: str) -> None:
    regex = Regex(f"^{pattern}{end}")
    # Twice, as what led to a match is tried again for the next; each position costs a step more.
    assert states(regex, text) <= (2 * regex.weight + 2 * STATES_A_STEP) * (len(text) + 1)


@pytest.mark.parametrize(
    "pattern",
    [
        "^(a+)+$",
        "^(a|a)*$",
        "^(a|aa)+$",
        "(a*)*b",
        "(.*)(.*)(.*)(.*)b",
        "(x+x+)+y",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
    ],
)
def test_catastrophes_are_linear(pattern: str) -> None:
    short, long = (states(Regex(pattern), "a" * size + "!") for size in (200, 2000))
    assert long <= 11 * short


def test_back_references_are_bounded_over_the_whole_text() -> None:
    with pytest.raises(FeelLimitError) as caught:
        states(Regex(r"(a+)(a+)(a+)(a+)\1b"), "a" * 400)
    assert caught.value.details == {"limit": "pattern"}


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
