"""The values of other rows that are shown beside a broken rule."""

from __future__ import annotations

import pandas as pd

from synthtab.assess.compliance import Audit, compliance
from synthtab.frames import encode_frame
from synthtab.lang.model import Model

TEXT = """
table p {
  id    integer key
  name  text(9)
  kind  enum('a', 'b')
  since date
  at    datetime(minute)
  open  boolean
}
table t {
  pid   integer optional -> p.id
  a     integer
  rule kinds: p.kind = 'a'
  rule named: p.name = 'x'
  rule old: p.since < 2000-01-01
  rule early: p.at < 2000-01-01T00:00
  rule closed: p.open = false
  rule third: sum(a / 3) per pid > 100
  rule quarter: sum(a / 4) per pid > 100
  rule mean: avg(a) per pid > 100
}
"""


def test_each_type_is_shown_as_a_value() -> None:
    model = Model.parse(TEXT)
    audit = Audit(model.tables)
    parent = {"id": [1], "name": ["é"], "kind": ["b"], "since": ["2001-01-02"]}
    parent |= {"at": ["2001-01-02T03:04"], "open": [True]}
    for name, data in (("p", parent), ("t", {"pid": [1, 1], "a": [3, 7]})):
        columns = model.table(name).columns
        audit.add(name, encode_frame(columns, pd.DataFrame(data)))
    rules = {r.name: r for r in audit.results()["t"].rules}
    shown = {
        (name, key): str(value)
        for name, rule in rules.items()
        for values in rule.values[:1]
        for key, value in values.items()
        if key not in ("pid", "a")
    }
    assert shown == {
        ("kinds", "p.kind"): "b",
        ("named", "p.name"): "é",
        ("old", "p.since"): "2001-01-02",
        ("early", "p.at"): "2001-01-02 03:04:00",
        ("closed", "p.open"): "True",
        ("third", "sum(a / 3) per pid"): "10/3",
        ("quarter", "sum(a / 4) per pid"): "2.5",
        ("mean", "sum(a) per pid"): "10",
        ("mean", "count(a) per pid"): "2",
    }
    assert all(r.violated == 2 for r in rules.values() if r.kind == "row")


def test_one_table_alone_lists_what_it_cannot_judge() -> None:
    table = Model.parse(TEXT).table("t")
    got = compliance(table, encode_frame(table.columns, pd.DataFrame({"pid": [1], "a": [1]})))
    assert {u.name for u in got.unchecked} == {
        *("pid_reference", "kinds", "named", "old", "early", "closed")
    }
    assert {r.name for r in got.rules} == {"third", "quarter", "mean"}
