"""The rules of rules/ on the real data they are about: what ``validate`` counts, rule by rule.

rules_data.json says of each data set which rules are ``broken``, by how many rows; all others are
broken by none. For a dependency these are all rows of a group that disagrees, where a README counts
those outside their group's majority.

Its ``figures`` are those of the data set's README. A figure may be about those rows only that a
rule applies to ("rows with both"): the rule is then broken by as many rows as the README counts,
but the share is that of these rows. How many there are is counted by a second rule, ``applies``,
which has to agree with the README too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from pathlib import Path
from typing import TypedDict

import numpy as np
import pandas as pd
import pytest
from real_data import DATA, ROOT, paths_of

from synthtab.assess.compliance import Audit, RuleCompliance
from synthtab.backends.sqltables import SqlTables
from synthtab.backends.tables import TablesBackend
from synthtab.batch import Batch
from synthtab.files import iter_batches, read_batch
from synthtab.frames import encode_frame
from synthtab.ir.nodes import Table
from synthtab.lang.model import Model
from synthtab.lang.quoting import write_name
from synthtab.schema import DecimalType


class Expected(TypedDict):
    """What is known of a data set.

    ``figures`` are lists of ``table.rule``, the figure as the README writes it, and the rows it is
    about where these are not all.
    """

    broken: dict[str, int]
    figures: list[list[str]]


EXPECTED: dict[str, Expected] = json.loads(
    (Path(__file__).parent / "rules_data.json").read_text(encoding="utf-8")
)

LONG_FRACTIONS = ("url_phishing",)
"""Data whose binary floats have more digits than a column can declare."""


def batches(name: str, path: Path, table: Table) -> Iterator[Batch]:
    """Yield a file's rows in codes, fractions rounded to their columns' digits where they must."""
    if name not in LONG_FRACTIONS:
        yield from iter_batches(path, table.columns, ignore_extra=True)
        return
    digits = {c.name: c.type.scale for c in table.columns if isinstance(c.type, DecimalType)}
    yield encode_frame(table.columns, pd.read_csv(path).round(digits), ignore_extra=True)


def with_applies(name: str) -> Model:
    """Return a file's model with a rule ``applies_RULE`` for every figure about some rows only."""
    text = Model.load(ROOT / "rules" / f"{name}.rules").to_text()
    for rule, _, *applies in EXPECTED[name]["figures"]:
        table, rule = rule.split(".")
        head = f"table {write_name(table)} {{\n"
        assert text.count(head) == 1
        for condition in applies:
            text = text.replace(head, f"{head}  rule applies_{rule}: {condition}\n")
    return Model.parse(text)


@cache
def audited(name: str) -> dict[str, RuleCompliance]:
    """Return what validation finds out about every rule of a data set, by ``table.rule``."""
    model = with_applies(name)
    paths = paths_of(name, model.tables)
    audit = Audit(model.tables)
    for table, path in paths.items():
        for batch in batches(name, path, model.table(table)):
            audit.add(table, batch)
    results = audit.results()
    assert not [u for r in results.values() for u in r.unchecked]
    return {f"{table}.{r.name}": r for table, found in results.items() for r in found.rules}


def rounded(part: int, whole: int, like: str) -> str:
    """Return a share in percent with as many digits as another has."""
    exponent = Decimal(like).as_tuple().exponent
    assert isinstance(exponent, int)
    step = Decimal(1).scaleb(exponent)
    return str((Decimal(100 * part) / whole).quantize(step, ROUND_HALF_EVEN))


@pytest.mark.parametrize(
    ("name", "figure"),
    [(name, figure) for name, known in EXPECTED.items() for figure in known["figures"]],
    ids=lambda v: v if isinstance(v, str) else v[0],
)
def test_the_share_is_the_readmes(name: str, figure: list[str]) -> None:
    rule, written, *applies = figure
    results = audited(name)
    result = results[rule]
    assert written in (DATA / name / "README.md").read_text(encoding="utf-8")
    found = re.fullmatch(r"([0-9.]+)% \(([0-9]+)/([0-9]+)\)", written)
    assert found is not None
    percent, good, of = found[1], int(found[2]), int(found[3])
    table, _, own = rule.partition(".")
    rows = result.rows - sum(results[f"{table}.applies_{own}"].violated for _ in applies)
    assert rows == of
    assert rows - result.violated == good
    assert rounded(rows - result.violated, rows, percent) == percent
    assert result.kept


@pytest.mark.parametrize("name", EXPECTED)
def test_rules_are_broken_by_the_rows_that_are_known(name: str) -> None:
    own = {k: r for k, r in audited(name).items() if not k.partition(".")[2].startswith("applies_")}
    assert {k: r.violated for k, r in own.items() if r.violated} == EXPECTED[name]["broken"]
    # Hard rules hold in every row of these data, soft ones in their share.
    assert [k for k, r in own.items() if not r.kept] == []
    assert [k for k, r in own.items() if r.violated and r.required is None] == []


@pytest.mark.parametrize("name", [n for n in EXPECTED if n not in LONG_FRACTIONS])
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
