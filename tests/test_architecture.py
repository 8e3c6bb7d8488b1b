"""The house stays in order: imports go one way, heavy packages stay where they belong."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import typer.main

from synthtab.cli import rulecheck, synthtab

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "synthtab"
MAX_LINES = 420

# Low to high; a module may import from its own layer and from those before it.
LAYERS = [
    ["errors", "diagnostics", "choices"],
    [
        *["hints", "schema", "batch", "atomic", "store", "csvtext", "codec", "frames", "files"],
        "databases",
    ],
    ["sources"],
    ["ir"],
    ["lang"],
    ["backends"],
    ["solver"],
    ["distinct"],
    ["generate"],
    ["learn"],
    ["exchange"],
    ["loading"],
    ["keys", "keyed", "draw", "feedback"],
    ["privacy"],
    ["assess"],
    ["refine"],
    ["report"],
    ["relational"],
    ["affordable", "learnable", "learners", "outcomes"],
    ["onetable", "privatetable", "wholemodel", "privatedrawing", "privatewhole"],
    ["refining"],
    ["pipeline"],
    ["translate"],
    ["cli"],
]
HOMES = {
    "z3": ["backends/smt", "solver/"],
    "duckdb": ["backends/sql"],
    "outlines": ["generate/"],
    "outlines_core": ["generate/"],
    "torch": ["generate/", "privacy/dpsgd/", "assess/rowbert"],
    "transformers": ["generate/", "privacy/dpsgd/", "assess/rowbert"],
    "lark": ["lang/"],
    "scipy": ["assess/", "privacy/audit/", "generate/retrieval/ngrams"],
    "sklearn": ["privacy/audit/", "assess/", "generate/retrieval/ngrams"],
    "xgboost": ["assess/boosted"],
    "statsmodels": ["cli/demo"],
    "vllm": ["generate/language/vllm"],
    "sqlalchemy": ["databases/", "exchange/"],
    "sqlglot": ["exchange/"],
    "pandera": ["exchange/"],
    "llguidance": ["generate/"],
    "faker": ["generate/"],
    "peft": ["generate/language/adapters"],
    "huggingface_hub": ["generate/language/hub"],
    "jinja2": ["generate/language/chat"],
    "annoy": ["generate/retrieval/neighbours"],
    "pypdf": ["generate/retrieval/pdf"],
    "PIL": ["generate/retrieval/pictures"],
    "diffprivlib": ["privacy/mechanisms"],
    "dp_accounting": ["privacy/costs"],
    "mbi": ["privacy/estimate"],
    "jax": ["privacy/estimate"],
    "typer": ["cli/"],
    "rich": ["cli/"],
}


def modules() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def typing_only(tree: ast.Module) -> set[ast.AST]:
    """Return what stands under ``if TYPE_CHECKING``: it is never imported at run time."""
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }


@cache
def imports(path: Path) -> frozenset[str]:
    """Return the dotted names a module imports (``from a.b import c`` counts as ``a.b``)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = typing_only(tree)
    found: set[str] = set()
    for node in (n for n in ast.walk(tree) if n not in skipped):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(str(node.module))
            # ``from synthtab.cli import work`` names a module too.
            found |= {
                f"{node.module}.{alias.name}"
                for alias in node.names
                if (ROOT / f"{node.module}.{alias.name}".replace(".", "/"))
                .with_suffix(".py")
                .exists()
            }
    return frozenset(found)


def layer(dotted: str) -> int | None:
    """Return the layer of a name inside the package; None for the package itself."""
    parts = dotted.split(".")
    if len(parts) < 2:
        return None
    for at, names in enumerate(LAYERS):
        if parts[1] in names:
            return at
    raise AssertionError(f"{dotted} has no layer: give it a place in LAYERS")


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_go_from_high_to_low(path: Path) -> None:
    if name_of(path) == "__init__":
        return  # the package's face shows what is above all layers
    own = layer("synthtab." + name_of(path).replace("/", "."))
    for imported in imports(path):
        if imported.split(".")[0] == "synthtab":
            other = layer(imported)
            assert other is None or other <= own, f"{name_of(path)} imports {imported} from above"


def test_no_module_imports_itself_by_a_detour() -> None:
    names = {f"synthtab.{name_of(p)}".replace("/", "."): p for p in modules()}
    graph = {name: imports(path) & set(names) for name, path in names.items()}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path[path.index(name) :], name))
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("package", HOMES)
def test_heavy_packages_stay_at_home(package: str) -> None:
    for path in modules():
        if any(i.split(".")[0] == package for i in imports(path)):
            homes = HOMES[package]
            assert any(name_of(path).startswith(h) for h in homes), f"{name_of(path)}: {package}"


def test_imports_inside_functions_say_why() -> None:
    """A deferred import is for a heavy package only, and names it in a comment."""
    for path in modules():
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        skipped = typing_only(tree)
        for node in ast.walk(tree):
            late = isinstance(node, ast.Import | ast.ImportFrom) and node.col_offset > 0
            if late and node not in skipped:
                lines = text.splitlines()[node.lineno - 1 : node.end_lineno]
                assert any("#" in line for line in lines), f"{name_of(path)}: {ast.unparse(node)}"


@pytest.mark.parametrize("path", [*modules(), *sorted((ROOT / "bench").rglob("*.py"))], ids=str)
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_names_of_test_files_are_their_own() -> None:
    """Pytest imports them, and what they share, by base name, so one name twice is an error."""
    shared = Counter(p.name for p in ROOT.glob("tests/**/*.py") if p.name != "conftest.py")
    assert [name for name, times in shared.items() if times > 1] == []


def test_rulecheck_starts_without_heavy_packages() -> None:
    code = (
        "import sys; sys.argv = ['rulecheck', '--help']\n"
        "from synthtab.cli.rulecheck import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('LOADED', *sorted(m for m in sys.modules if '.' not in m))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = set(done.stdout.rsplit("LOADED", 1)[1].split())
    assert "typer" in loaded
    heavy = {"torch", "transformers", "pandas", "pyarrow", "z3", "duckdb", "sklearn", "sqlalchemy"}
    assert not loaded & heavy


def test_rulecheck_never_reaches_torch() -> None:
    """Follow every import, at any depth, from the modules behind rulecheck.

    But for one: `translate --model` runs the language model it is given.
    """
    seen: set[str] = set()
    waiting = ["synthtab.cli.rulecheck", "synthtab.cli.checks"]
    while waiting:
        name = waiting.pop()
        path = (ROOT / name.replace(".", "/")).with_suffix(".py")
        if name in seen or not path.exists():
            continue
        seen.add(name)
        for other in imports(path) - {"synthtab.translate.propose"}:
            assert other.split(".")[0] not in ("torch", "transformers"), f"{name} imports {other}"
            waiting.append(other)
    assert {"synthtab.solver.repair", "synthtab.cli.translating"} <= seen


@pytest.mark.parametrize("app", [rulecheck.app, synthtab.app], ids=["rulecheck", "synthtab"])
def test_the_docs_name_every_command_and_option(app: typer.Typer) -> None:
    docs = "\n".join(
        p.read_text(encoding="utf-8") for p in [ROOT / "README.md", *ROOT.glob("docs/*.md")]
    )
    program = app.info.name
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        assert f"{program} {name}" in docs, f"{program} {name} is not documented"
        assert command.help, name
        assert "Example:" in command.help, name
        for option in command.params:
            for spelling in option.opts:
                if spelling.startswith("--") and spelling != "--help":
                    assert f"`{spelling}" in docs, f"{program} {name} {spelling} is not documented"
