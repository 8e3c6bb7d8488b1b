"""Rows by engines that follow regular expressions: requests to vLLM, and llguidance here."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_masks import sets, slots
from tiny_models import tiny

from synthtab.backends.vector import VectorBackend
from synthtab.draw import draw_rows
from synthtab.errors import UsageError
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.regexes import row_regex, split_row, value_regex
from synthtab.generate.language.spelling import NULL, spell
from synthtab.generate.language.vllm import Request, ServedGenerator, VllmEngine
from synthtab.generate.language.whole import draw_whole
from synthtab.lang.model import Model
from synthtab.learnable import enforced
from synthtab.schema import TextType
from synthtab.solver.project import compile_plan

TABLE = enforced(
    Model.parse(
        """
        table visit {
          age   integer in 0 .. 99
          kind  enum('child', 'adult "x"') optional
          day   date in 2020-01-01 .. 2020-03-31
          until date in 2020-01-01 .. 2020-03-31 optional
          pay   decimal(5, 2) in 0 .. 99
          ok    boolean
          code  text(5) matching /[A-C]{2}[0-9]{1,2}/ optional
          rule grown: kind = 'child' iff age < 18
          rule later: until > day
          rule round: when ok then pay >= 10
        }
        """
    ).table()
)
PLAN = compile_plan(TABLE)
DOMAINS = {c.name: PLAN.domains[c.name] for c in TABLE.columns if not isinstance(c.type, TextType)}


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_the_expression_of_a_set_is_of_its_values_alone(data):
    slot = data.draw(slots())
    found = data.draw(st.one_of(st.none(), sets(slot)))
    pattern = value_regex(slot, found)
    codes = np.arange(slot.lo, slot.hi + 1)
    fits = np.ones(len(codes), bool) if found is None else found.meets(codes, codes)[0]
    null = slot.column.optional and (found is None or bool(found.null[0]))
    if pattern is None:
        assert not fits.any()
        assert not null
        return
    for code, fit in zip(codes.tolist(), fits.tolist(), strict=True):
        assert bool(re.fullmatch(pattern, spell(slot.column, code))) == fit
    assert bool(re.fullmatch(pattern, NULL)) == null


class Literal:
    """An engine that draws a string of each expression by Python's own reading of it."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def complete(self, requests):
        self.requests += requests
        return [self._string(request) for request in requests]

    def _string(self, request: Request) -> str:
        rng = random.Random(request.seed)
        assert request.regex is not None
        return "".join(self._of(re._parser.parse(request.regex), rng))  # type: ignore[attr-defined]

    def _of(self, parts, rng):
        for kind, value in parts:
            match str(kind):
                case "LITERAL":
                    yield chr(value)
                case "BRANCH":
                    yield from self._of(rng.choice(value[1]), rng)
                case "SUBPATTERN":
                    yield from self._of(value[3], rng)
                case "MAX_REPEAT":
                    for _ in range(rng.randint(value[0], min(value[1], value[0] + 3))):
                        yield from self._of(value[2], rng)
                case "IN":
                    which, at = rng.choice(value)
                    yield chr(at if str(which) == "LITERAL" else rng.randint(*at))
                case other:
                    raise AssertionError(other)


def served(engine) -> ServedGenerator:
    made = LanguageGenerator.of(tiny(), TABLE.columns, PLAN.order, DOMAINS, prompt="Visits:\n")
    return ServedGenerator.of(made, engine)


def test_an_engine_gets_the_expression_of_what_the_columns_before_leave():
    engine = Literal()
    made = served(engine)
    drawn = made.draw(25, level="solver", guide=PLAN, seed=4)
    assert not drawn.malformed.any()
    assert not VectorBackend(TABLE).violated(drawn.batch).any()
    assert not VectorBackend(TABLE).out_of_domain(drawn.batch).any()
    assert len(engine.requests) == 25 * len(TABLE.columns)
    text = made.template.texts(drawn.batch)[0]
    for request in engine.requests[::25]:
        begun = request.prompt.removeprefix("Visits:\n")
        assert text.startswith(begun)
        assert re.match(request.regex, text[len(begun) :])
        assert len(text[len(begun) :].split(", ")[0].encode()) <= request.max_tokens
    again = served(Literal()).draw(25, level="solver", guide=PLAN, seed=4)
    assert made.template.texts(again.batch) == made.template.texts(drawn.batch)


def test_modes_work_with_an_engine():
    rows, counts = draw_rows(TABLE, served(Literal()), PLAN, 10, mode="solver+weighted", seed=0)
    assert len(rows) == 10
    assert counts.thinned == counts.mended == 0


def test_whole_rows_take_one_request_each():
    engine = Literal()
    drawn = served(engine).draw(8, level="grammar", seed=1)
    assert len(engine.requests) == 8
    assert not drawn.malformed.any()
    assert not VectorBackend(TABLE).out_of_domain(drawn.batch).any()
    said = engine.requests[0].to_dict()
    assert said["structured_outputs"] == {"regex": row_regex(served(engine).template)}
    assert said["stop"] == ["\n"]


def test_free_rows_are_read_and_those_that_are_none_are_told():
    class Parrot:
        def __init__(self, texts):
            self.texts = texts

        def complete(self, requests):
            assert all(r.regex is None for r in requests)
            assert "structured_outputs" not in requests[0].to_dict()
            return self.texts

    written = served(Literal()).draw(1, level="grammar", seed=1)
    template = served(None).template
    (row,) = template.texts(written.batch)
    first = f'{{"{template.columns[0]}":'
    assert row.startswith(first)
    texts = [row.removeprefix(first), " 17", row.removeprefix(first).replace("{", "[")]
    texts[2] = texts[2].replace("2020-", "2020/", 1)
    drawn = served(Parrot(texts)).draw(3)
    assert drawn.malformed.tolist() == [False, True, True]
    assert template.texts(drawn.batch)[0] == row


def test_without_vllm_the_error_says_so():
    with pytest.raises(UsageError, match=r"synthtab\[vllm\]"):
        VllmEngine("somewhere")


def test_llguidance_writes_whole_rows_of_the_grammar():
    base = tiny()
    made = LanguageGenerator.of(
        base, TABLE.columns[:4], [c.name for c in TABLE.columns[:4]], DOMAINS
    )
    drawn = draw_whole(made, 3, seed=2)
    assert not drawn.malformed.any()
    for text in made.template.texts(drawn.batch):
        assert re.fullmatch(row_regex(made.template), text)
        assert None not in split_row(made.template, text)
    again = draw_whole(made, 3, seed=2)
    assert made.template.texts(again.batch) == made.template.texts(drawn.batch)
