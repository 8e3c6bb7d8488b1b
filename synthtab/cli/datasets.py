"""Which data an argument of a command line gives: a table's, or those of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from synthtab.databases.address import is_url
from synthtab.errors import DataError, UsageError
from synthtab.lang.model import Model
from synthtab.sources import Source, Sources, is_collection


@dataclass(frozen=True)
class Given:
    """The source of each table, and the tables that a database or directory for all lacks."""

    sources: Mapping[str, Source]
    absent: tuple[str, ...] = ()


def given(model: Model, data: Sequence[str], table: str | None, sources: Sources) -> Given:
    """Return where the rows of each table are.

    An argument is ``TABLE=source``, the one source of the one table, or a database's URL or a
    directory, which stands for all tables (or the one named ``table``) that no other argument
    names. Raises UsageError where it is not clear which table a source is, DataError where a
    database or directory does not have what it should.
    """
    names = {t.name for t in model.tables}
    found: dict[str, Source] = {}
    collections: list[str] = []
    for argument in data:
        name, sign, rest = argument.partition("=")
        if sign and name in names:
            if name in found:
                raise UsageError(f"two files are given for table `{name}`")
            found[name] = sources.one(rest, name)
        elif is_collection(argument):
            collections.append(argument)
        elif len(data) == 1:
            chosen = model.table(table).name
            return Given({chosen: sources.one(argument, chosen)})
        else:
            raise UsageError(
                f"{argument!r}: with several files each is TABLE=path, and the tables are "
                f"{', '.join(f'`{n}`' for n in sorted(names))}"
            )
    if len(collections) > 1:
        kind = "databases" if all(map(is_url, collections)) else "places"
        raise UsageError(f"two {kind} are given for all tables; write TABLE=URL for those of one")
    absent: tuple[str, ...] = ()
    for argument in collections:
        asked = [t.name for t in model.tables] if table is None else [model.table(table).name]
        asked = [name for name in asked if name not in found]
        if len(asked) == 1:
            found[asked[0]] = sources.one(argument, asked[0])
        elif asked:
            there = sources.some(argument, asked)
            absent = tuple(name for name in asked if name not in there)
            found.update(there)
    return Given(found, absent)


def all_given(model: Model, data: Sequence[str], sources: Sources) -> Mapping[str, Source]:
    """Return the source of every table, as :func:`given`. Raises DataError for those without."""
    names = {t.name for t in model.tables}
    lone = len(data) == 1 and data[0].partition("=")[0] not in names
    if lone and len(names) > 1 and not is_collection(data[0]):
        if not Path(data[0]).exists():
            raise DataError(f"there is no directory or file {data[0]!r}")
        raise UsageError(
            f"{data[0]!r} is one file, and the model has {len(names)} tables: give TABLE=path for "
            "each, or a directory or database that has them all"
        )
    found = given(model, data, None, sources).sources
    missing = [t.name for t in model.tables if t.name not in found]
    if missing:
        listed = ", ".join(f"`{n}`" for n in missing)
        raise DataError(
            f"there are no data for table{'s' * (len(missing) > 1)} {listed}: give TABLE=FILE for "
            "each, or a directory or database that has them all"
        )
    return {t.name: found[t.name] for t in model.tables}
