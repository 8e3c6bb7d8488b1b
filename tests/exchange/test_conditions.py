"""What backends write as SQL comes back as a condition that means the same."""

from __future__ import annotations

from contextlib import suppress

import pytest
import sqlglot
from strategies import Case, cases

from synthtab.backends import sqltext
from synthtab.backends.sqldialects import DIALECTS
from synthtab.backends.sqlrules import Translator
from synthtab.backends.sqltext import NotSaidError
from synthtab.exchange.sqlddl import DIALECTS as NAMES
from synthtab.exchange.sqlexpressions import Reader
from synthtab.exchange.unsaid import UnsaidError
from synthtab.ir import nodes as n
from synthtab.ir.evaluate import evaluate
from synthtab.ir.typing import check


def usable(case: Case) -> bool:
    names = [c.name.lower() for c in case.table.columns]
    return len(set(names)) == len(names)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_condition_comes_back_with_its_meaning(dialect: str) -> None:
    read = unread = 0
    for case in cases(range(2000, 2080)):
        if not usable(case):
            continue
        names = {c.name: sqltext.identifier(c.name) for c in case.table.columns}
        writer = Translator(case.table, names, declared=True, dialect=DIALECTS[dialect])
        reader = Reader(case.table, NAMES[dialect])
        for rule in case.table.row_rules:
            text = None
            with suppress(NotSaidError):
                text = writer.condition(rule.condition).text
            if text is None:
                continue
            try:
                back = reader.condition(sqlglot.parse_one(text, dialect=NAMES[dialect]))
            except UnsaidError:
                unread += 1
                continue
            table = n.Table("t", case.table.columns, (n.RowRule("r", back),))
            if any(d.severity == "error" for d in check([table])):
                unread += 1
                continue
            read += 1
            for row in case.rows:
                expected = evaluate(rule.condition, row, case.table)
                got = evaluate(back, row, case.table)
                assert got == expected, f"seed {case.seed}: {text}\n{rule.condition}\n{back}\n{row}"
    assert read > 20 * unread
