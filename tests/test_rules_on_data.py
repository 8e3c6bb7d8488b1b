"""The rules of rules/ on the real data they are about: shares as the data sets' READMEs count them.

rules_on_data.json lists, for each file, the rows that break a rule, as ``table.rule``; all other
rules are broken by no row. Where a README states a share, the number of rows is the README's; only
for dependencies it counts the rows outside their group's majority, and the rule all rows of a group
that disagrees.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from real_data import ROOT, paths_of

from synthtab.assess.compliance import Audit, Compliance
from synthtab.backends.sqltables import SqlTables
from synthtab.backends.tables import TablesBackend
from synthtab.files import iter_batches, read_batch
from synthtab.lang.model import Model

EXCEPTIONS = json.loads((Path(__file__).parent / "rules_on_data.json").read_text(encoding="utf-8"))


def audited(name: str) -> dict[str, Compliance]:
    """Return the compliance of every table of a data set; skip where the data are not there."""
    model = Model.load(ROOT / "rules" / f"{name}.rules")
    paths = paths_of(name, model.tables)
    audit = Audit(model.tables)
    for table, path in paths.items():
        for batch in iter_batches(path, model.table(table).columns, ignore_extra=True):
            audit.add(table, batch)
    return audit.results()


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_the_shares_are_those_of_the_readme(name: str) -> None:
    results = audited(name)
    assert not [u for r in results.values() for u in r.unchecked]
    found = {
        f"{table}.{rule.name}": rule.violated
        for table, result in results.items()
        for rule in result.rules
        if rule.violated
    }
    assert found == EXCEPTIONS[name]


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_duckdb_names_the_same_rows(name: str) -> None:
    model = Model.load(ROOT / "rules" / f"{name}.rules")
    paths = paths_of(name, model.tables)
    batches = {
        t.name: read_batch(paths[t.name], t.columns, ignore_extra=True) for t in model.tables
    }
    expected = TablesBackend(model.tables).violated(batches)
    found = SqlTables(model.tables).violated(paths)
    assert set(found) == set(expected)
    for key, broken in expected.items():
        assert np.array_equal(broken, found[key]), key
