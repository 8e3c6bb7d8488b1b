"""The work behind ``rulecheck infer``: data files to the text of a rules file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from synthtab import files
from synthtab.cli import common
from synthtab.errors import UsageError
from synthtab.lang.infer import infer_table
from synthtab.lang.model import Model
from synthtab.learn.draft import to_text
from synthtab.learn.evidence import Options
from synthtab.learn.learn import learn


def sources(data: Sequence[str], name: str | None) -> dict[str, Path]:
    """Return the file of each table: ``TABLE=path``, or a path that names its table.

    Raises UsageError where two files are of one table.
    """
    found: dict[str, Path] = {}
    for argument in data:
        table, sign, path = argument.partition("=")
        if not sign or Path(argument).exists():
            table, path = Path(argument).name.split(".")[0], argument
        if name is not None:
            if len(data) > 1:
                raise UsageError("--name is for one table; give several as TABLE=path")
            table = name
        if not table:
            raise UsageError(f"{argument!r} does not name a table: write TABLE=path")
        if table in found:
            raise UsageError(f"two files are given for table `{table}`; write TABLE=path")
        found[table] = Path(path)
    return found


def inferred(paths: dict[str, Path], options: Options | None) -> str:
    """Return a draft of a rules file; without options only columns and keys are told."""
    frames = {}
    with common.progress(quiet=False) as update:
        for at, (table, path) in enumerate(paths.items(), 1):
            frames[table] = files.read_frame(path)
            update("reading", at / len(paths))
        if options is None:
            return Model.of([infer_table(f, t) for t, f in frames.items()]).to_text()

        def learned(done: float) -> None:
            update("learning", done)

        return to_text(learn(frames, options, learned))
