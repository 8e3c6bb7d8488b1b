"""A public data set put into databases breaks the same rules as its files do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from batches import to_records
from real_data import ROOT, paths_of
from stored import in_postgres, in_sqlite

from synthtab.assess.compliance import Audit
from synthtab.files import read_batch
from synthtab.lang.model import Model
from synthtab.sources import Sources

EXPECTED = json.loads((ROOT / "tests" / "rules_data.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_data_set_breaks_the_same_rules(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    model = Model.load(ROOT / "rules" / "northwind.rules")
    paths = paths_of("northwind", model.tables)
    url = ""
    for table in model.tables:
        batch = read_batch(paths[table.name], table.columns, ignore_extra=True)
        records = to_records(table.columns, batch)
        if kind == "sqlite":
            url = in_sqlite(tmp_path / "northwind.db", table.name, table.columns, records)
        else:
            server = request.getfixturevalue("postgres_url")
            url = in_postgres(server, table.name, table.columns, records)
    audit = Audit(model.tables)
    with Sources() as sources:
        for name, source in sources.every(url).items():
            for batch in source.batches(model.table(name).columns):
                audit.add(name, batch)
    found = {
        f"{table}.{rule.name}": rule.violated
        for table, result in audit.results().items()
        for rule in result.rules
        if rule.violated
    }
    assert found == EXPECTED["northwind"]["broken"]
