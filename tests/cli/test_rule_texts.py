"""rulecheck fmt and rulecheck explain."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Call

from synthtab.cli import rulecheck
from synthtab.diagnostics import CODES
from synthtab.lang.model import Model

UGLY = "# People.\ntable person { id integer key # a number\n rule grown:id>1_000_00 }\n"
NEAT = """# People.
table person {
  id integer key  # a number

  rule grown: id > 100_000
}
"""


def test_fmt_prints_checks_and_writes(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "people.rules"
    path.write_text(UGLY)
    before = Model.load(path)
    assert call(rulecheck.main, "fmt", path).out == NEAT
    assert call(rulecheck.main, "fmt", path, "--check").code == 1
    assert path.read_text() == UGLY
    assert call(rulecheck.main, "fmt", path, "--write").code == 0
    assert path.read_text() == NEAT
    assert Model.load(path) == before
    assert call(rulecheck.main, "fmt", path, "--check").code == 0


def test_fmt_leaves_a_file_with_errors_alone(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "bad.rules"
    path.write_text("table t { a int }\n")
    ran = call(rulecheck.main, "fmt", path, "--write")
    assert ran.code == 2
    assert "E104" in ran.err
    assert path.read_text() == "table t { a int }\n"


@pytest.mark.parametrize("code", ["E240", "w204", "[E201]"])
def test_explain(call: Call, code: str) -> None:
    ran = call(rulecheck.main, "explain", code)
    assert ran.code == 0
    name = code.strip("[]").upper()
    assert ran.out.startswith(f"# {name}: {CODES[name]}\n")
    assert "## Fix" in ran.out


def test_explain_knows_what_it_does_not_know(call: Call) -> None:
    ran = call(rulecheck.main, "explain", "E999")
    assert ran.code == 2
    assert "E999" in ran.err
