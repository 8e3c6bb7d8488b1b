"""Rows of random tables: odd names, extreme ranges, random rules."""

from __future__ import annotations

import json
import random

import pytest
from rule_maker import random_columns
from small_tables import all_rows, lawful, random_table
from tiny_models import tiny

from synthtab.backends.vector import VectorBackend
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.ir import nodes
from synthtab.schema import TextType, domain
from synthtab.solver.project import compile_plan


@pytest.mark.parametrize("tokenizer", ["byte", "piece"])
def test_values_of_any_column_are_written_and_read_back(tokenizer):
    base = tiny("llama", tokenizer, 4096)
    for seed in range(12):
        columns = random_columns(random.Random(seed))
        domains = {c.name: domain(c) for c in columns if not isinstance(c.type, TextType)}
        made = LanguageGenerator.of(base, columns, [c.name for c in columns], domains)
        drawn = made.draw(3, level="grammar", seed=seed)
        assert not drawn.malformed.any(), seed
        assert not VectorBackend(nodes.Table("t", columns)).out_of_domain(drawn.batch).any(), seed
        texts = made.template.texts(drawn.batch)
        for text, (ids, _) in zip(texts, made.template.row_tokens(drawn.batch), strict=True):
            assert list(json.loads(text)) == [c.name for c in columns]
            assert base.vocabulary.spelled(ids).decode().lstrip() == text + "\n"


def test_rows_under_any_exact_plan_are_lawful():
    base, exact = tiny(), 0
    for seed in range(30):
        table = random_table(random.Random(seed))
        if not lawful(table, *all_rows(table)).any():
            continue
        plan = compile_plan(table)
        domains = {n: d for n, d in plan.domains.items() if n in table.column_names}
        made = LanguageGenerator.of(base, table.columns, plan.order, domains)
        drawn = made.draw(6, level="solver", guide=plan, seed=seed)
        backend = VectorBackend(table)
        if plan.exact:
            exact += 1
            assert not drawn.malformed.any(), seed
            assert not backend.violated(drawn.batch).any(), seed
        assert not backend.out_of_domain(drawn.batch.take(~drawn.dead)).any(), seed
    assert exact > 10
