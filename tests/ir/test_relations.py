"""Findings about rules across rows and tables, each with the place it points at."""

import pytest

from synthtab.diagnostics import CODES
from synthtab.ir import nodes as n
from synthtab.ir.typing import DateT, NumberT, StringT, TermType, infer, type_of
from synthtab.ir.walk import columns_of
from synthtab.lang.model import Model
from synthtab.lang.parse import parse
from synthtab.schema import EnumType

TEXT = """const most = 100

table airport {
  id    integer key
  code  text(3) unique
  owner text(20)
  size  enum('small', 'large')
  built date
  tax   decimal(6, 2)
ITEM_OF_AIRPORT
}

table flight {
  id     integer key
  day    date
  origin integer -> airport.id
  target integer -> airport.id
  after  integer optional -> flight.id
  gate   text(5)
  seats  integer
  price  decimal(8, 2)
  full   boolean
ITEM
}
"""


def model_text(item: str, of_airport: str = "") -> str:
    return TEXT.replace("ITEM_OF_AIRPORT", of_airport).replace("ITEM", f"  {item}")


@pytest.mark.parametrize(
    ("item", "code", "marked"),
    [
        ("plane integer -> aeroplane.id", "E240", "-> aeroplane.id"),
        ("rule r: count(of fligth) > 1", "E240", "count(of fligth)"),
        ("rule r: (gate, seats) -> plane (a, b)", "E240", "r"),
        ("plane text(20) -> airport.owner", "E241", "-> airport.owner"),
        ("rule r: origin -> flight.seats", "E241", "r"),
        ("plane text(3) -> airport.id", "E242", "-> airport.id"),
        ("plane decimal(9, 2) -> airport.id", "E242", "-> airport.id"),
        ("rule r: (origin, target) -> airport (id)", "E242", "r"),
        ("rule r: (origin, target) -> airport.id", "E242", "r"),
        ("rule r: plane.size = 'small'", "E243", "plane.size"),
        ("rule r: origin.after.day > day", "E243", "origin.after.day"),
        ("rule r: count(of airport) > 1", "E243", "count(of airport)"),
        ("rule r: count(of flight via origin) > 1", "E243", "count(of flight via origin)"),
        ("rule r: airport.size = 'small'", "E244", "airport.size"),
        ("rule r: max(sum(seats) per gate) > 1", "E245", "sum(seats) per gate"),
        ("rule r: count(where seats > avg(seats)) > 1", "E245", "avg(seats)"),
        ("rule r: previous(count(), 0) ordered by id > 1", "E245", "count()"),
        ("unique (gate, day) where origin.size = 'small'", "E245", "origin.size"),
        ("rule r: forbid pair (a, b): a.id < count()", "E245", "count()"),
        ("rule r: abs(seats) per gate > 1", "E246", "abs(seats) per gate"),
        ("rule r: sum(distinct seats) > 1", "E246", "sum(distinct seats)"),
        ("rule r: sum(seats) ordered by id > 1", "E246", "sum(seats) ordered by id"),
        ("rule r: count(of flight) per gate > 1", "E246", "count(of flight) per gate"),
        ("rule r: gap_free(id) ordered by day", "E246", "gap_free(id) ordered by day"),
        ("rule r: increasing(id where full) ordered by id", "E246",
         "increasing(id where full) ordered by id"),
        ("rule r: increasing(id) per gate", "E247", "increasing(id) per gate"),
        ("rule r at least 0%: full", "E248", "r"),
        ("rule r at least 101%: full", "E248", "r"),
        ("rule r at least 50%: unique (id, gate) where full", None, ""),
        ("rule r: gate, day determines gate", "E250", "r"),
        ("rule r: gate determines day, day", "E250", "r"),
        ("rule r: count() per gate, gate > 1", "E250", "count() per gate, gate"),
        ("rule r: no overlap (gate, day)", "E251", "r"),
        ("rule r: no overlap (day, seats)", "E251", "r"),
        ("rule r: no overlap (full, seats)", "E251", "r"),
        ("rule r: forbid pair (a, a): a.id = 1", "E252", "r"),
        ("rule r: forbid pair (a, b): c.id = 1", "E252", "c.id"),
        ("rule r: forbid pair (a, b): a.origin.size = 'small'", "E252", "a.origin.size"),
        ("rule r: forbid pair (a, b): a.id = seats", "E252", "seats"),
        ("most integer", "E253", "most"),
        ("rule r: increasing(seats) ordered by day", "W204", "increasing(seats) ordered by day"),
        ("rule r: origin.colour = 'red'", "E201", "origin.colour"),
        ("rule r: count() per colour > 1", "E201", "count() per colour"),
        ("rule r: colour determines gate", "E201", "r"),
        ("rule r: no overlap (day, night)", "E201", "r"),
        ("rule r: forbid pair (a, b): a.colour = 'red'", "E201", "a.colour"),
        ("unique (gate, day) where colour = 'red'", "E201", "colour"),
        ("rule r: origin -> airport.colour", "E201", "r"),
        ("rule r: origin.size = 'huge'", "E206", "'huge'"),
        ("rule r: origin.size > 3", "E210", "origin.size > 3"),
        ("rule r: sum(gate) > 3", "E211", "gate"),
        ("rule r: max(full) > 3", "E211", "full"),
        ("rule r: gap_free(price)", "E211", "price"),
        ("rule r: gap_free(gate)", "E211", "gate"),
        ("rule r: gap_free(seats, id)", "E211", "id"),
        ("rule r: previous(seats, 'a') ordered by id > 1", "E211", "'a'"),
        ("rule r: sum(seats) per gate", "E212", "sum(seats) per gate"),
        ("rule r: (gap_free(id)) > 1", "E213", "gap_free(id)"),
        ("rule r: seats / sum(seats) < 1", "E214", "sum(seats)"),
        ("rule r: day + avg(seats) days > day", "E216", "avg(seats)"),
        ("rule r: increasing(gate) ordered by id", "E217", "gate"),
        ("rule r: increasing(seats) ordered by gate, id", "E217",
         "increasing(seats) ordered by gate, id"),
        ("rule r: sum(seats, id) > 3", "E218", "sum(seats, id)"),
        ("rule r: previous(1, 2, 3) ordered by id > 3", "E218",
         "previous(1, 2, 3) ordered by id"),
    ],
)  # fmt: skip
def test_one_finding_each(item: str, code: str | None, marked: str) -> None:
    found = parse(model_text(item)).diagnostics
    assert [d.code for d in found] == ([] if code is None else [code]), found
    for finding in found:
        assert finding.help is not None
        assert finding.code in CODES
        source, span = finding.source, finding.span
        assert source is not None
        assert span is not None
        line = source.line(span.line)
        if code == "E253":
            assert line.startswith(f"const {marked}")
        else:
            assert line.strip() == item
        assert line[span.column - 1 : span.end_column - 1] == marked


@pytest.mark.parametrize("item", ["key (gate) where full", "rule k at least 90%: key (gate)"])
def test_a_key_has_no_exceptions(item: str) -> None:
    text = f"table t {{\n  gate text(3)\n  full boolean\n  {item}\n}}"
    found = parse(text).diagnostics
    assert [d.code for d in found] == ["E249"]
    span = found[0].span
    assert span is not None
    marked = "k" if item.startswith("rule") else item
    assert (span.line, span.column) == (4, 3 + item.index(marked))
    assert text.split("\n")[3][span.column - 1 : span.end_column - 1] == marked


@pytest.mark.parametrize(
    ("item", "of_airport"),
    [
        ("rule r: origin.size = 'small' and after.origin.size > 'small'", ""),
        ("rule r: count(distinct gate where origin.size = 'small') per day, origin < 9", ""),
        ("rule r: sum(seats * target.tax) per day < 9", ""),
        ("rule r: flight.day < day and count(of flight) < 3", ""),
        ("rule r: previous(day, 2020-01-01) per gate ordered by id < day", ""),
        ("rule r: day + (count() per gate) days > day + (sum(seats) per gate) days", ""),
        ("rule r: day + (previous(seats, 0) ordered by id) days > day", ""),
        ("rule r: seats < most and day > origin.built + most days", ""),
        ("", "rule r: count(of flight via origin where seats > most) < 9"),
        ("", "rule r: sum(seats * target.tax of flight via target) < 9"),
        ("rule r: increasing(origin.size) per gate ordered by day, id", ""),
        ("rule r: increasing(seats) per gate ordered by id", ""),
        ("rule r: gap_free(seats) per day  rule q: increasing(id) per day ordered by seats", ""),
        ("rule r: origin.size in ('small', 'large') and origin.code like 'A%'", ""),
    ],
)  # fmt: skip
def test_nothing_to_find(item: str, of_airport: str) -> None:
    text = model_text(item, of_airport)
    assert [d.render() for d in parse(text).diagnostics] == []


def test_types_need_the_other_tables() -> None:
    tables = Model.parse(model_text("")).tables
    flight = tables[1]
    size = n.ParentRef(("origin",), "size")
    cases: list[tuple[n.Term, TermType]] = [
        (size, StringT(("small", "large"))),
        (n.ParentRef(("after", "target"), "built"), DateT()),
        (n.Aggregate("min", n.ColumnRef("day"), per=("gate",)), DateT()),
        (n.Aggregate("max", size.__class__(("origin",), "tax")), NumberT()),
        (n.Aggregate("avg", n.ColumnRef("seats"), of="flight"), NumberT()),
        (n.Previous(size, None, (), ("id",)), StringT(("small", "large"))),
    ]
    for term, kind in cases:
        assert type_of(term, flight, tables) == kind
    with pytest.raises(TypeError, match="E240"):
        type_of(size, flight)
    assert infer(size, flight) is None
    pair = n.ParentRef(("a",), "day")
    assert type_of(pair, flight, pair=("a", "b")) == DateT()
    assert tables[0].column("size").type == EnumType(("small", "large"))


def test_columns_that_a_figure_reads() -> None:
    inner = n.Compare(">", n.ColumnRef("seats"), n.Literal(1))
    own = n.Aggregate("sum", n.ColumnRef("price"), where=inner, per=("gate",))
    other = n.Aggregate("sum", n.ColumnRef("price"), where=inner, of="flight")
    sequence = n.Increasing(n.ColumnRef("id"), True, ("gate",), ("day",))
    assert columns_of(own) == ("price", "seats", "gate")
    assert columns_of(other) == ()
    assert columns_of(sequence) == ("id", "gate", "day")


def test_rules_by_what_decides_them() -> None:
    text = model_text(
        "rule pure: seats > 0\n  rule soft at least 9%: seats > 0\n"
        "  rule wide: seats < sum(seats)\n"
        "  unique (day, gate)\n  unique (gate) where full\n  rule fd: gate determines origin"
    )
    flight = Model.parse(text).table("flight")
    assert [r.name for r in flight.row_rules] == ["pure"]
    assert [r.name for r in flight.unique_rules] == ["id_key", "day_gate_unique"]
    assert [r.name for r in flight.table_rules] == [
        *("origin_reference", "target_reference", "after_reference"),
        *("soft", "wide", "gate_unique", "fd"),
    ]
