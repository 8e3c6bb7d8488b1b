"""The measurement of retrieval, on few rows."""

from __future__ import annotations

import pytest
from real_data import paths_of

from bench import retrieval
from synthtab.lang.model import Model


def test_the_index_is_compared_with_looking_at_each_row() -> None:
    pytest.importorskip("annoy", reason="annoy is not installed")
    paths_of("adult", Model.load("rules/adult.rules").tables)
    section = retrieval.run(0, passages=400, asking=10)
    found = {f.what: f.measured for f in section.figures}
    assert found["of the 10 nearest, found by the index"] == "100.00%"
    assert [row[0] for row in section.grids[0].rows] == ["12", "24 (as used)", "48"]
