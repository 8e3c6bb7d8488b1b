"""Which tables are written first, and by which reference rows come."""

from pathlib import Path

import numpy as np
import pytest

from synthtab.ir.references import references
from synthtab.lang.model import Model
from synthtab.relational.orders import Order
from synthtab.relational.structure import structure

RULES = sorted((Path(__file__).parents[2] / "rules").glob("*.rules"))


def homes(text):
    return structure(Model.parse(text).tables).homes


@pytest.mark.parametrize("path", RULES, ids=lambda p: p.stem)
def test_parents_come_before_their_children(path):
    tables = Model.load(path).tables
    whole = structure(tables)
    done = set()
    for name, home in whole.homes.items():
        assert all(rule.parent in done for rule in home.picked)
        settled = {c for rule in home.picked for c in rule.columns} | home.placed
        for rule in references(home.table):
            assert rule in (*home.picked, *home.late) or set(rule.columns) <= settled
        done.add(name)
    assert done == {t.name for t in tables}


def test_a_row_comes_by_the_reference_that_rules_about_siblings_speak_of():
    made = homes(
        """
        table room { id integer key }
        table guest { id integer key }
        table stay {
          guest_id integer -> guest.id
          room_id integer -> room.id
          start date
          stop date
          rule apart: no overlap (start, stop) per room_id
        }
        """
    )
    assert made["stay"].lead.parent == "room"
    assert [r.parent for r in made["stay"].others] == ["guest"]
    assert made["stay"].order == Order(("start",))


def test_a_key_that_is_copied_from_a_parent_is_not_picked_again():
    made = homes(
        """
        table patient { id integer key }
        table visit { id integer key  patient_id integer -> patient.id }
        table bill {
          patient_id integer -> patient.id
          visit_id integer -> visit.id
          rule same: patient_id = visit.patient_id
        }
        """
    )
    bill = made["bill"]
    assert bill.lead.parent == "visit"
    assert bill.others == ()
    assert [(c.column, c.source) for c in bill.copies] == [("patient_id", "patient_id")]
    assert bill.placed == {"patient_id", "visit_id"}


def test_an_optional_reference_waits_where_tables_refer_to_each_other():
    made = homes(
        """
        table team { id integer key  captain integer optional -> player.id }
        table player { id integer key  team_id integer -> team.id }
        """
    )
    assert list(made) == ["team", "player"]
    assert [r.columns for r in made["team"].late] == [("captain",)]
    assert made["player"].lead.parent == "team"


def test_a_table_that_refers_to_itself_is_written_first_and_linked_afterwards():
    made = homes("table person { id integer key  boss integer -> person.id }")
    assert [r.columns for r in made["person"].late] == [("boss",)]
    assert made["person"].lead is None


def test_a_circle_of_three_tables_is_broken_once():
    made = homes(
        """
        table a { id integer key  b_id integer -> b.id }
        table b { id integer key  c_id integer -> c.id }
        table c { id integer key  a_id integer -> a.id }
        """
    )
    assert sum(len(home.late) for home in made.values()) == 1


def test_keys_are_converted_where_words_are_text_here_and_an_enum_there():
    made = homes(
        """
        table airline { code text(2) key }
        table flight { airline enum('AA', 'UA') -> airline.code }
        """
    )
    (key,) = made["flight"].keys
    pool = np.array(["UA", "ZZ"], dtype=object)
    (codes, nulls), _ = key.cells(np.array([0, 1]), np.zeros(2, dtype=bool), pool)
    assert codes[0] == 1
    assert nulls.tolist() == [False, True]
