"""Regular expressions as dense tables."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab.backends.ranges import number_regex
from synthtab.errors import UsageError
from synthtab.generate.machine import (
    DEAD,
    compile_regex,
    distances,
    pattern_alphabet,
    shortest_match,
)
from synthtab.generate.texts import Fingerprints, texts_of
from synthtab.schema import TextType

PATTERNS = ("[A-C]{2}[0-2]{1,3}", "(ab|ba)+", "a?b*", "x", "(?:A|B)-[01]+", "", "é+ç?")


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_the_table_accepts_what_python_matches(pattern, data):
    alphabet = "ABCab012x-éç"
    machine = compile_regex(pattern, tuple(alphabet))
    text = data.draw(
        st.one_of(
            st.from_regex(pattern, fullmatch=True, alphabet=alphabet), st.text(alphabet, max_size=6)
        )
    )
    state = machine.start
    for character in text:
        state = machine.step[state, alphabet.index(character)]
    assert bool(machine.final[state]) == bool(re.fullmatch(pattern, text))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_live_state_can_finish(pattern):
    machine = compile_regex(pattern, tuple("ABCab012x-éç"))
    left = distances(machine)
    assert left[DEAD] == -1
    assert (np.delete(left, DEAD) >= 0).all()
    assert (machine.step[DEAD] == DEAD).all()


def test_texts_of_several_characters_are_single_steps():
    machine = compile_regex("(?:0[1-9]|1[0-2])-x", ("02", "01", "12", "13", "-x"))
    after = machine.step[machine.start]
    assert after[3] == DEAD
    assert after[1] == after[2] != DEAD
    assert machine.final[machine.step[after[1], 4]]


def test_what_the_texts_cannot_spell_is_refused():
    with pytest.raises(UsageError, match=r"/\[A-Z\]\+/ cannot be followed"):
        compile_regex("[A-Z]+", ("a", "b"))


def test_long_ranges_are_compiled_at_once():
    """Sixteen digits once took minutes: each later place was tried as the start of a match."""
    groups = tuple(f"{n:02d}" for n in range(100))
    machine = compile_regex(number_regex(12_345, 10**16 - 777, width=16), groups)
    assert len(machine.step) < 200


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1", "[A-Z"])
def test_what_is_not_in_the_dialect_is_refused(pattern):
    with pytest.raises(UsageError, match="cannot be followed"):
        compile_regex(pattern, ("a", "b"))


def test_alphabet_and_length_of_a_pattern():
    assert pattern_alphabet("[A-C]{2}é?") == {"A", "B", "C", "é"}
    assert shortest_match("[A-C]{2}[0-9]{6,9}", {"A", "0"}) == 8
    texts = texts_of(TextType(8, "[AB]{2}[0-9]{6}"), ["AB1"])
    assert texts.length == 8
    assert texts.alphabet == tuple("0123456789AB")


def test_texts_keep_what_they_need_and_no_more():
    texts = texts_of(TextType(200), ["hello", "x" * 80])
    assert texts.length == 48
    assert texts.alphabet == tuple("ehlox")
    assert texts_of(TextType(5), []).length == 1


def test_fingerprints_know_their_texts_and_hold_none():
    prints = Fingerprints.of(["anna", "otto"], b"s" * 16)
    asked = np.array(["otto", "Otto", "", "anna", "otto"], dtype=object)
    assert prints.known(asked).tolist() == [True, False, False, True, True]
    assert prints.hashes.dtype == np.int64
    other = Fingerprints.of(["anna", "otto"], b"t" * 16)
    assert not set(prints.hashes) & set(other.hashes)
    assert not Fingerprints.of([], b"s" * 16).known(asked).any()
