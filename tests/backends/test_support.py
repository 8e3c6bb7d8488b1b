"""Every backend answers for every construct of the language."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from bench import support
from synthtab.backends import grammar
from synthtab.backends.smt import SmtBackend
from synthtab.backends.sql import SqlBackend
from synthtab.backends.sqlpostgres import PostgreSql
from synthtab.backends.sqlsqlite import Sqlite
from synthtab.backends.sqltables import SqlTables
from synthtab.backends.support import NODE_CLASSES, Exact, Relaxed, Supports, Unsupported
from synthtab.backends.tables import TablesBackend
from synthtab.backends.vector import VectorBackend
from synthtab.ir import expressions, nodes

ALL: dict[str, Supports] = {
    "vector": VectorBackend.supports,
    "sql": SqlBackend.supports,
    "grammar": grammar.SUPPORTS,
    "smt": SmtBackend.supports,
    "tables": TablesBackend.supports,
    "queries": SqlTables.supports,
    "postgresql": PostgreSql.supports,
    "sqlite": Sqlite.supports,
}


def test_the_list_of_constructs_is_complete() -> None:
    declared = {
        kind
        for _, kind in inspect.getmembers(nodes, inspect.isclass)
        if kind.__module__ in {nodes.__name__, expressions.__name__}
        and kind not in {nodes.Table, nodes.Spanned, nodes.Constant}
    }
    assert set(NODE_CLASSES) == declared


@pytest.mark.parametrize("name", ALL)
def test_every_construct_is_answered(name: str) -> None:
    assert set(ALL[name]) == set(NODE_CLASSES)
    for answer in ALL[name].values():
        assert isinstance(answer, Exact) or answer.reason
        assert isinstance(answer, Exact | Relaxed | Unsupported)


def test_the_page_is_current() -> None:
    path = Path(__file__).parents[2] / "docs" / "support.md"
    assert path.read_text(encoding="utf-8") == support.page(), "run: python -m bench support"
