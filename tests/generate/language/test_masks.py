"""Token masks, held against trying every token: can a feasible value still be completed?"""

from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outlines_core import Index
from outlines_core import Vocabulary as CoreVocabulary

from synthtab.generate.language.bytewise import AFTER, byte_machine
from synthtab.generate.language.narrow import Cursor, allowed, narrower
from synthtab.generate.language.slots import Slot
from synthtab.generate.language.spelling import json_string, quoted, read, spell
from synthtab.generate.language.tables import TokenTable
from synthtab.generate.language.vocabulary import Vocabulary
from synthtab.schema import (
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
)
from synthtab.solver.feasible import Feasible

BYTES = {b: bytes([b]) for b in range(256)}
ENUMS = ("a", "ab", "abc", "", 'q"x', "b\\", "é", "éa", "null", "ü\n")


def vocabulary(extra: list[bytes]) -> Vocabulary:
    """Single bytes and some longer tokens, one of them twice."""
    more = {256 + k: text for k, text in enumerate([*extra, *extra[:1]])}
    return Vocabulary(BYTES | more, 9999, 9999, 256 + len(more), None)


def slot_of(column: Column, lo: int, hi: int, alphabet: str = "", length: int = 0) -> Slot:
    opening = ' "' if quoted(column) and not column.optional else " "
    after = ('"' if quoted(column) else "") + ', "b": '
    return Slot(column, lo, hi, tuple(alphabet), length, b"", opening.encode(), after.encode(), ())


def whole(slot: Slot, body: str, *, null: bool = False) -> bytes:
    """What stands from a slot's opening to the end of the forced text behind it."""
    if null:
        return slot.opening + b"null" + slot.after[len(slot.closing) :]
    inner = body[1 if slot.quote_is_open else 0 : -1] if quoted(slot.column) else body
    return slot.opening + inner.encode() + slot.after


@st.composite
def slots(draw: st.DrawFn) -> Slot:
    optional = draw(st.booleans())
    kind = draw(
        st.sampled_from(
            [
                *(IntegerType(), DecimalType(6, 2), DecimalType(4, 1), DateType()),
                *(DatetimeType(3600), DatetimeType(60), DatetimeType(1), BooleanType()),
                EnumType(ENUMS),
            ]
        )
    )
    column = Column("a", kind, optional)
    if isinstance(kind, EnumType):
        lo = draw(st.integers(0, len(ENUMS) - 1))
        return slot_of(column, lo, draw(st.integers(lo, len(ENUMS) - 1)))
    if isinstance(kind, BooleanType):
        return slot_of(column, *draw(st.sampled_from([(0, 1), (0, 0), (1, 1)])))
    middle = {DateType: 11_000, DatetimeType: 400_000}.get(type(kind), 0)
    lo = middle + draw(st.integers(-1500, 1500))
    return slot_of(column, lo, lo + draw(st.integers(0, 600)))


@st.composite
def sets(draw: st.DrawFn, slot: Slot) -> Feasible:
    """One row's feasible set: a few pieces, perhaps with a stride."""
    stride = draw(st.sampled_from([1, 1, 2, 7]))
    edges = sorted(draw(st.lists(st.integers(slot.lo, slot.hi), min_size=2, max_size=6)))
    pieces = list(zip(edges[::2], edges[1::2], strict=False))
    lo = np.array([[a for a, _ in pieces]])
    hi = np.array([[b - (b - a) % stride for a, b in pieces]])
    null = slot.column.optional and draw(st.booleans())
    return Feasible(np.array([null]), lo, hi, stride)


def legal(slot: Slot, table: TokenTable, cursor: Cursor, found: Feasible | None) -> set[int]:
    """The tokens that the masks let one row go on with."""
    narrow = None if found is None else narrower(slot, table.machine, found)
    out: set[int] = set()
    for block in table.blocks(cursor.state):
        entries = table.entries.take(block.index)
        length = slot.length if isinstance(slot.column.type, TextType) else None
        mask = allowed(table.machine, narrow, found, cursor, block, entries, length)
        out |= set(entries.token[0][mask[0]].tolist())
    return out


def step(table: TokenTable, cursor: Cursor, token: int) -> None:
    (block,) = table.blocks(cursor.state)
    entries = table.entries.take(block.index[0])
    at = int(np.flatnonzero(entries.token == token)[0])
    cursor.advance(np.array([0]), entries.take(np.array([at])))


def walk_and_compare(
    data: st.DataObject, slot: Slot, texts: list[bytes], found: Feasible | None
) -> None:
    """Go on with tokens that the masks allow, and at each place hold them against all tokens."""
    shown = data.draw(st.lists(st.sampled_from(texts or [b" nu"]), max_size=6))
    pieces = [
        text[start : start + data.draw(st.integers(2, 5))]
        for text in shown
        for start in [data.draw(st.integers(0, max(0, len(text) - 1)))]
    ]
    words = vocabulary([*[p for p in pieces if p], b" ", b'",', b', "', b"00", b"12", b"nu"])
    table = TokenTable(byte_machine(slot), words)
    cursor, written = Cursor.at(table.machine.start, 1), b""
    for _ in range(40):
        starts = {text[:k] for text in texts for k in range(len(text) + 1)}
        wanted = {n for n, token in words.tokens.items() if written + token in starts}
        assert legal(slot, table, cursor, found) == wanted, written
        if not wanted:
            assert not texts
            return
        token = data.draw(st.sampled_from(sorted(wanted)))
        step(table, cursor, token)
        written += words.tokens[token]
        if table.machine.zone[cursor.state[0]] == AFTER:
            rest = int(table.machine.rest[cursor.state[0]])
            assert any(t[: len(t) - rest] == written for t in texts)
            return
    raise AssertionError("no end")


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_masks_are_those_of_trying_every_token(data):
    slot = data.draw(slots())
    found = data.draw(st.one_of(st.none(), sets(slot)))
    codes = np.arange(slot.lo, slot.hi + 1)
    fits = np.ones(len(codes), bool) if found is None else found.meets(codes, codes)[0]
    texts = [whole(slot, spell(slot.column, int(code))) for code in codes[fits]]
    if slot.column.optional and (found is None or found.null[0]):
        texts.append(whole(slot, "", null=True))
    walk_and_compare(data, slot, texts, found)


@settings(max_examples=40, deadline=None)
@given(st.data(), st.booleans(), st.sampled_from([None, "(ab|b)*", "a{1,2}|é?b", 'b"?a']))
def test_masks_of_texts_are_those_of_trying_every_token(data, optional, pattern):
    import re

    length, alphabet = 3, 'ab"é'
    column = Column("a", TextType(length, pattern), optional)
    slot = slot_of(column, 0, 0, alphabet, length)
    words = [""]
    for _ in range(length):
        words += [w + c for w in words if len(w) == len(words[-1]) for c in alphabet]
    chosen = {w for w in words if pattern is None or re.fullmatch(pattern, w)}
    some, null = data.draw(st.booleans()), optional and data.draw(st.booleans())
    found = Feasible(np.array([null]), np.array([[0]]), np.array([[0 if some else -1]]))
    texts = [whole(slot, json_string(w)) for w in chosen] if some else []
    if null:
        texts.append(whole(slot, "", null=True))
    walk_and_compare(data, slot, texts, found)


@pytest.mark.parametrize("most", [99, 10**12, 2**63 - 1])
def test_numbers_of_any_length_end_where_the_set_does(most):
    slot = slot_of(Column("a", IntegerType()), -most, most)
    found = Feasible(np.array([False]), np.array([[-most, most - 3]]), np.array([[-most, most]]))
    table = TokenTable(byte_machine(slot), vocabulary([b"922", b"99"]))
    rng, seen = np.random.default_rng(0), set()
    for _ in range(30):
        cursor, written = Cursor.at(table.machine.start, 1), b""
        while table.machine.zone[cursor.state[0]] != AFTER:
            token = int(rng.choice(sorted(legal(slot, table, cursor, found))))
            step(table, cursor, token)
            written += vocabulary([b"922", b"99"]).tokens[token]
        seen.add(int(written.split(b",")[0]))
    assert seen <= {-most, most, most - 1, most - 2, most - 3}
    assert len(seen) > 3


def test_the_tokens_of_a_state_are_those_of_an_index_over_the_whole_vocabulary():
    """outlines_core, given every token, finds the same ones as the walk over two tries."""
    slot = slot_of(Column("a", IntegerType()), 0, 1200)
    words = vocabulary([b"12", b" 1", b"00,", b"9, ", b"1200"])
    table = TokenTable(byte_machine(slot), words)
    by_text: dict[bytes, list[int]] = {}
    for number, text in words.tokens.items():
        by_text.setdefault(text, []).append(number)
    pattern = (
        ' (?:1200|1[01][0-9]{2}|[1-9][0-9]{2}|[1-9][0-9]|[0-9]),(?: (?:"(?:b(?:"(?:: ?)?)?)?)?)?'
    )
    index = Index(pattern, CoreVocabulary(9999, by_text))
    cursor, state = Cursor.at(table.machine.start, 1), index.get_initial_state()
    for text in (b" 1", b"12"):
        tokens = set(index.get_allowed_tokens(state)) - {9999}
        assert legal(slot, table, cursor, None) == tokens
        step(table, cursor, by_text[text][0])
        state = index.get_next_state(state, by_text[text][0])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_what_is_spelled_is_read_and_nothing_else(data):
    slot = data.draw(slots())
    code = data.draw(st.integers(slot.lo, slot.hi))
    text = spell(slot.column, code)
    assert read(slot.column, text) == code
    other = data.draw(st.text(string.printable, max_size=8))
    found = read(slot.column, other)
    assert found is None or spell(slot.column, found) == other


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (IntegerType(), ("01", "1.0", "-0", "1e3", " 1", "٣", "9" * 30)),
        (DecimalType(4, 2), ("1.5", "1", "01.50", "-0.00", "100.00", ".50")),
        (DateType(), ('"2023-02-29"', "2023-01-01", '"20230101"', '"2023-01-01 "')),
        (
            DatetimeType(60),
            ('"2023-01-01T00:00:30"', '"2023-01-01 00:00:00"', '"2023-01-01T00:00"'),
        ),
        (BooleanType(), ("True", "1", '"true"')),
        (EnumType(("a",)), ('"b"', "a", '"\\u0061"')),
        (TextType(5), ("a", '"\\u0061"', '"a', "null")),
    ],
)
def test_other_spellings_are_no_values(kind, wrong):
    for text in wrong:
        assert read(Column("a", kind), text) is None, text
