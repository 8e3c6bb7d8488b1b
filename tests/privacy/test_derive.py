"""Tables made of real rows inside the vault: nothing comes out, whatever the function does."""

import traceback

import numpy as np
import pytest
from neighbouring import table_of, vault_of

from synthtab.batch import Batch
from synthtab.privacy.grid import Axis, Grid
from synthtab.privacy.mechanisms import Geometric
from synthtab.privacy.readers import CountCells
from synthtab.schema import Column, IntegerType

TABLE = table_of(Column("n", IntegerType()))
ROWS = [{"n": 4_711}, {"n": 4_712}]


def twice(batch: Batch) -> Batch:
    return Batch(batch.columns, 2 * batch.codes, batch.nulls, batch.pool)


def test_a_derived_table_is_counted_like_any_other_and_is_free():
    vault = vault_of(TABLE, ROWS, epsilon=60.0)
    assert vault.derive("double", "t", twice) is None
    assert vault.ledger.charges == ()
    codes = (9_422, 9_424)
    grid = Grid((Axis("n", codes, codes, False),))
    reader = CountCells("double", grid, ("n",), Geometric(50.0), "")
    assert vault.release(reader).tolist() == [1, 1]
    assert len(vault.ledger.charges) == 1


def test_an_error_inside_says_nothing_of_rows():
    vault = vault_of(TABLE, ROWS)

    def bad(batch: Batch) -> Batch:
        raise ValueError(f"no place for {batch.codes[0, 0]}")

    with pytest.raises(RuntimeError) as error:
        vault.derive("new", "t", bad)
    assert "4711" not in "".join(traceback.format_exception(error.value))
    assert error.value.__cause__ is None
    assert error.value.__context__ is None


def test_no_more_rows_than_before_and_no_table_in_another_s_place():
    vault = vault_of(TABLE, ROWS)
    with pytest.raises(RuntimeError, match="more rows"):
        vault.derive("new", "t", lambda batch: batch.take(np.array([0, 0, 1])))
    with pytest.raises(ValueError, match="'t'"):
        vault.derive("t", "t", twice)
