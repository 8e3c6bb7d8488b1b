import subprocess
import sys
from pathlib import Path

import pytest

from synthtab.errors import ModelError, UsageError
from synthtab.lang.model import Model

TEXT = "table a { x integer rule r: x > 1.5 rule q: x = 1.5 }\ntable `b c` { y date }\n"


def test_load_and_tables(tmp_path: Path) -> None:
    path = tmp_path / "m.rules"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    model = Model.load(path)
    assert model == Model.parse(TEXT)
    assert model.table("b c").column("y").name == "y"
    assert [d.code for d in model.warnings] == ["W201"]
    assert f"{path}:1:49" in model.warnings[0].render()
    with pytest.raises(UsageError, match="`a`, `b c`"):
        model.table()
    with pytest.raises(UsageError, match="no table `z`"):
        model.table("z")
    assert Model.parse("table t { x date }").table().name == "t"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.rules: No such file"):
        Model.load(tmp_path / "none.rules")
    with pytest.raises(UsageError, match="cannot read"):
        Model.load(tmp_path)
    path = tmp_path / "latin.rules"
    path.write_bytes("table t {\n x enum('é')\n}".encode("latin-1"))
    with pytest.raises(ModelError, match="line 2") as caught:
        Model.load(path)
    assert [d.code for d in caught.value.diagnostics] == ["E100"]


def test_every_error_is_raised_at_once() -> None:
    with pytest.raises(ModelError) as caught:
        Model.parse("table t { x integer rule a: y > 1 rule b: x > 'a' }", "m")
    assert [d.code for d in caught.value.diagnostics] == ["E201", "E210"]
    assert "m:1:" in str(caught.value)


def test_spans_point_at_the_source() -> None:
    table = Model.parse(
        "table t {\n  x integer in 0 .. 5\n  rule r:\n    x > 3 and x < 5\n}"
    ).table()
    (rule,) = table.row_rules
    assert rule.span is not None
    assert (rule.span.line, rule.span.column, rule.span.end_column) == (3, 8, 9)
    span = rule.condition.span
    assert span is not None
    assert (span.line, span.column, span.end_line, span.end_column) == (4, 5, 4, 20)
    assert table.columns[0].span is not None
    assert table.columns[0].span.end_column == 22


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from synthtab.lang.model import Model; Model.parse('table t { x date }');"
        "heavy = {'torch', 'transformers', 'pandas', 'z3', 'duckdb', 'numpy'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
