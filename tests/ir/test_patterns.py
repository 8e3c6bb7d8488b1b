import re

import outlines_core
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtab.ir.patterns import Lengths, PatternError, check_pattern

GOOD = {
    "": (0, 0),
    "abc": (3, 3),
    "a*": (0, None),
    "a+b?": (1, None),
    "[A-Z]{2}[0-9]{6}": (8, 8),
    "(?:ab|c){2,3}": (2, 6),
    "(|a)": (0, 1),
    "a{2,}": (2, None),
    "a*?": (0, None),
    r"\.\-\/\\": (4, 4),
    r"[^\]a-z\-]": (1, 1),
    "[-a]": (1, 1),
    "[a-]": (1, 1),
    "[a^]": (1, 1),
    r"\x41\n": (2, 2),
    "é☃👩": (3, 3),
    "(?:){5}": (0, 0),
    "a{1000}": (1000, 1000),
}


@pytest.mark.parametrize("pattern", GOOD)
def test_supported(pattern: str) -> None:
    assert check_pattern(pattern) == Lengths(*GOOD[pattern])
    re.compile(pattern)


@pytest.mark.parametrize(
    ("pattern", "unsupported"),
    [
        (r"\d", True),
        (r"[\w]", True),
        (r"\s+", True),
        ("^a", True),
        ("a$", True),
        (r"a\b", True),
        (r"\A", True),
        ("(?=a)", True),
        ("(?<!a)b", True),
        ("(?P<n>a)", True),
        ("(?i)a", True),
        (r"(a)\1", True),
        ("a**", True),
        ("a++", True),
        ("[[a]]", True),
        ("[a&&b]", True),
        ("[a--b]", True),
        (r"\p{L}", True),
        (r"\u0041", True),
        (r"\_", True),
        ("a{1001}", True),
        ("a{99999999999}", False),
        ("(a", False),
        ("a)", False),
        ("[a", False),
        ("[]", False),
        ("[^]", False),
        ("[z-a]", False),
        ("a{3,2}", False),
        ("{2}", False),
        ("a{x}", False),
        ("*a", False),
        ("a|*", False),
        ("]", False),
        ("}", False),
        ("\\", False),
        (r"\x4", False),
    ],
)
def test_refused_with_a_way_out(pattern: str, unsupported: bool) -> None:
    with pytest.raises(PatternError) as caught:
        check_pattern(pattern)
    assert caught.value.unsupported is unsupported
    assert caught.value.help
    assert 0 <= caught.value.position <= len(pattern)


@given(st.text(st.sampled_from("ab[]-^(){},|*+?.\\\\dx140:=/"), max_size=10))
def test_what_is_accepted_is_a_pattern_to_python(pattern: str) -> None:
    try:
        check_pattern(pattern)
    except PatternError:
        return
    re.compile(pattern)


@given(
    st.sampled_from([p for p in GOOD if p != "a{1000}"]).flatmap(
        lambda p: st.tuples(st.just(p), st.from_regex(p, fullmatch=True))
    )
)
def test_lengths_hold(pair: tuple[str, str]) -> None:
    pattern, text = pair
    lengths = check_pattern(pattern)
    assert lengths.least <= len(text)
    assert lengths.most is None or len(text) <= lengths.most


def test_the_dialect_is_that_of_rust() -> None:
    vocabulary = outlines_core.Vocabulary(0, {"a": [1], "b": [2]})
    for pattern in GOOD:
        if check_pattern(pattern).least <= 3 and "a" in pattern:
            outlines_core.Index(f"(?:{pattern})|a", vocabulary)
