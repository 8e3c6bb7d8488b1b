"""The work behind ``rulecheck infer``: tables of data to the text of a rules file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from synthtab.cli import common
from synthtab.databases.address import is_url, parse_address
from synthtab.errors import UsageError
from synthtab.lang.infer import infer_table
from synthtab.lang.model import Model
from synthtab.learn.draft import to_text
from synthtab.learn.evidence import Options
from synthtab.learn.learn import learn
from synthtab.sources import Source, Sources


def given(data: Sequence[str], name: str | None, sources: Sources) -> dict[str, Source]:
    """Return where the rows of each table are.

    An argument is ``TABLE=source``, a path or a URL that names its table, or a database's URL,
    which stands for all tables there. Raises UsageError where two sources are of one table.
    """
    found: dict[str, Source] = {}
    for argument in data:
        named = _named(argument, sources)
        if name is not None:
            if len(data) > 1 or len(named) > 1:
                raise UsageError("--name is for one table; give several as TABLE=path")
            named = {name: next(iter(named.values()))}
        for table, source in named.items():
            if not table:
                raise UsageError(f"{argument!r} does not name a table: write TABLE=path")
            if table in found:
                raise UsageError(f"two files are given for table `{table}`; write TABLE=path")
            found[table] = source
    return found


def _named(argument: str, sources: Sources) -> dict[str, Source]:
    """Return the sources that one argument stands for."""
    table, sign, rest = argument.partition("=")
    if is_url(argument):
        named = parse_address(argument).table
        if named is None:
            return sources.every(argument)
        table, rest = named, argument
    elif not sign or Path(argument).exists():
        table, rest = Path(argument).name.split(".")[0], argument
    return {table: sources.one(rest, table)}


def inferred(given: Mapping[str, Source], options: Options | None) -> str:
    """Return a draft of a rules file; without options only columns and keys are told."""
    frames = {}
    with common.progress(quiet=False) as update:
        for table, source in given.items():
            frames[table] = source.frame(partial(update, f"reading {source.short}"))
            update(f"reading {source.short}", 1.0)
        if options is None:
            return Model.of([infer_table(f, t) for t, f in frames.items()]).to_text()

        def learned(done: float) -> None:
            update("learning", done)

        return to_text(learn(frames, options, learned))
