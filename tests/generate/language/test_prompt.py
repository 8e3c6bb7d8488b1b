"""The prompt: what it says, and what is cut first where it may not be so long."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import byte_level, tiny

from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.generate.language.material import Material, material
from synthtab.generate.language.prompt import CUT, render
from synthtab.generate.language.template import Template
from synthtab.generate.retrieval.rowtexts import row_texts
from synthtab.lang.model import Model

MODEL = Model.parse("""
# People who have left a shop.
table left {
  id     integer key
  sex    enum('Male', 'Female "F"')
  age    integer in 16 .. 99
  paid   decimal(6, 2) optional in -5 .. 900
  on_day date
  note   text(12) optional

  rule grown "Nobody {young} is paid": when age < 18 then paid is null
  rule few at least 90%: age < 70
}
""")
TABLE = MODEL.table()
COLUMNS = tuple(c for c in TABLE.columns if c.name != "id")
NAMES = tuple(c.name for c in COLUMNS)


def rows() -> Batch:
    codes = np.array([[0, 20, 1_050, 0, 0], [1, 17, 0, 366, 1], [0, 40, -5, 31, 0]])
    nulls = np.zeros(codes.shape, dtype=bool)
    nulls[1, 2] = nulls[2, 4] = True
    return Batch(NAMES, codes, nulls, np.array(['a "b"', "ü"], dtype=object))


def test_it_tells_schema_rules_figures_and_examples() -> None:
    batch = rows()
    given = material(
        TABLE,
        COLUMNS,
        source=MODEL.source,
        batch=batch,
        passages=["Two\nlines {columns}."],
        rows=row_texts(COLUMNS, batch),
    )
    prompt = render(given)
    assert prompt.text.startswith('Rows of the table "left"')
    assert "People who have left a shop." in prompt.text
    assert '- "sex": one of "Male", "Female \\"F\\""' in prompt.text
    assert '- "paid": number with 2 decimals, -5.00 to 900.00, or null' in prompt.text
    assert "- Nobody {young} is paid: when age < 18 then paid is null" in prompt.text
    assert '"Male" 66.7%' in prompt.text
    assert '- "age": 17 to 40, quartiles 17, 20, 20' in prompt.text
    assert '- "paid": -0.05 to 10.50' in prompt.text
    assert "null 33.3%" in prompt.text
    assert "- Two lines {columns}." in prompt.text
    assert prompt.text.endswith(
        '{"sex": "Male", "age": 40, "paid": -0.05, "on_day": "1970-02-01", "note": null}\n'
    )
    assert "unique" not in prompt.text  # of the key, which the model does not write
    assert prompt.cut == ()


def test_rules_are_told_to_the_letter() -> None:
    table = Model.parse("table t {\n  a enum('x  y', 'z')\n  rule odd: a != 'x  y'\n}").table()
    (rule,) = material(table, table.columns).rules
    assert rule == "- a != 'x  y'"


def test_rows_are_shown_as_they_are_written() -> None:
    domains = {"sex": (0, 1), "age": (16, 99), "paid": (-500, 90_000), "on_day": (0, 400)}
    batch = rows()
    template = Template.of(tiny().vocabulary, COLUMNS, NAMES, domains, batch)
    assert row_texts(COLUMNS, batch) == tuple(template.texts(batch))


def test_without_anything_but_the_schema_it_still_ends_with_a_new_line() -> None:
    text = render(material(Model.parse("table t { a integer }").table(), TABLE.columns[:1])).text
    assert text.endswith("Rows:\n")
    assert "rules" not in text
    assert "Figures" not in text


def count(text: str) -> int:
    return len(byte_level()(text)["input_ids"])


WORDS = st.lists(st.text("ab {}\"'é\n", max_size=8), max_size=5).map(tuple)


@given(WORDS, WORDS, WORDS, WORDS, st.integers(0, 140))
def test_it_is_never_over_its_budget_and_cut_in_order(
    rules: Any, statistics: Any, passages: Any, shown: Any, limit: int
) -> None:
    whole = Material("t", (), ('- "a": whole number',), rules, 9, statistics, passages, shown)
    bare = render(Material("t", (), whole.columns, ()), count).tokens
    assert bare is not None
    if bare > limit:
        with pytest.raises(UsageError, match=rf"alone takes {bare:,} tokens.*room for {limit:,}"):
            render(whole, count, limit)
        return
    prompt = render(whole, count, limit)
    assert prompt.tokens == count(prompt.text) <= limit
    assert whole.columns[0] in prompt.text
    # Of what is cut later nothing may be gone while there is some of what is cut earlier.
    gone = [prompt.kept[part][1] - prompt.kept[part][0] for part in CUT]
    for earlier, later in zip(CUT, gone[1:], strict=False):
        assert later == 0 or prompt.kept[earlier][0] == 0
    if sum(gone):  # one line more would not have fitted
        last = max(k for k, n in enumerate(gone) if n)
        part = CUT[last]
        kept = {p: getattr(whole, p)[: prompt.kept[p][0]] for p in CUT}
        kept[part] = getattr(whole, part)[: prompt.kept[part][0] + 1]
        more = Material("t", (), whole.columns, kept["rules"], 9, kept["statistics"])
        more = Material(
            *("t", (), whole.columns, kept["rules"], 9, kept["statistics"]),
            *(kept["passages"], kept["rows"]),
        )
        assert count(render(more).text) > limit
    assert bool(prompt.cut) == bool(sum(gone))


def test_what_was_cut_is_said() -> None:
    whole = Material("t", (), ("- a",), ("- r",) * 3, 1, ("- s",) * 2, ("p" * 50,), ("{}",) * 4)
    full = render(whole, count).tokens
    assert full is not None
    prompt = render(whole, count, full - 1)
    assert prompt.cut == ("1 of 1 passages",)
    facts = prompt.to_dict()
    assert facts["kept"]["passages"] == {"lines": 0, "of": 1}
    assert facts["tokens"] <= facts["limit"] == full - 1
    assert not re.search("pppp", facts["text"])
