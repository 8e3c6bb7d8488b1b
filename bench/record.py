"""Results as files: what a measurement found, when, with what and by which command, as JSON.

Committed results lie in bench/results/, one file per command; docs/results.md is made of them alone
(bench/page.py). A file has the number of its format, so that one written by another version is
refused with what to do, not read wrongly.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.report import Figure, Grid, Section
from synthtab.atomic import atomic
from synthtab.errors import SynthTabError

FORMAT = 1
RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "transformers", "outlines_core", "z3-solver", "numpy", "pandas", "duckdb")
LONGEST_NAME = 80


class RecordError(SynthTabError):
    """A file of results cannot be read or written; the message names it and what to do."""


@dataclass(frozen=True)
class Record:
    """What one command measured.

    ``date`` is ISO's, ``environment`` says on what (``python``, ``system``, ``machine``, ``cores``;
    ``device`` where it was not the processor), ``versions`` the packages. ``sections`` have the
    command and seed of the record.
    """

    name: str
    command: str
    seed: int | None
    date: str
    environment: Mapping[str, str | int]
    versions: Mapping[str, str]
    sections: tuple[Section, ...]

    @property
    def data(self) -> Mapping[str, Any] | None:
        """What the first section that has any keeps beside its figures."""
        return next((s.data for s in self.sections if s.data is not None), None)

    def origin(self) -> str:
        """Return the day, the machine and the versions in a sentence each."""
        env = self.environment
        device = f", {env['device']}" if "device" in env else ""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return (
            f"{self.date}. Python {env['python']} on {env['system']} {env['machine']}, "
            f"{env['cores']} cores{device}; {versions}."
        )


def recorded(sections: Sequence[Section]) -> Record:
    """Return the record of sections that share a name, as measured here and today."""
    first = sections[0]
    device: dict[str, str | int] = {"device": first.device} if first.device else {}
    return Record(
        name_of(first),
        first.command,
        first.seed,
        dt.date.today().isoformat(),
        environment() | device,
        versions(),
        tuple(sections),
    )


def versions() -> dict[str, str]:
    """Return the versions of the packages that figures depend on."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def environment() -> dict[str, str | int]:
    """Return what this process runs on, without a name or path of the machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": cores or 1,
    }


def name_of(section: Section) -> str:
    """Return a section's own name, or one made of its command: another command is another name.

    ``python -m bench relational --only sakila --symbols 9`` is ``relational-sakila-symbols-9``.
    """
    words = shlex.split(section.command)
    words = [w.lstrip("-") for w in words if w not in ("python", "-m", "bench", "--only")]
    name = section.name or "-".join(re.sub(r"[^a-z0-9_.+-]+", "_", w.lower()) for w in words)
    if len(name) > LONGEST_NAME:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        name = f"{name[: LONGEST_NAME - 9]}-{digest}"
    return name


def write(record: Record, folder: Path = RESULTS) -> Path:
    """Write a record into a folder, which is made where there is none, and return the file.

    The file appears whole or not at all. Raises RecordError where ``data`` is not plain JSON.
    """
    if not _is_name(record.name):
        raise RecordError(
            f"a record cannot be called {record.name!r}: small letters, digits and _ . + - make a "
            "name; give the section another `name`"
        )
    content = {
        "format": FORMAT,
        "name": record.name,
        "command": record.command,
        "seed": record.seed,
        "date": record.date,
        "environment": dict(record.environment),
        "versions": dict(record.versions),
        "sections": [_section_json(section) for section in record.sections],
    }
    try:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RecordError(
            f"record {record.name}: {error}; `data` holds dicts, lists, words, finite numbers, "
            "True, False and None only"
        ) from None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{record.name}.json"
    with atomic(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return path


def read(path: Path) -> Record:
    """Read a record. Raises RecordError for another format, and for a file that is broken."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise _broken(path, f"it is not JSON ({error})") from None
    if not isinstance(content, dict) or "format" not in content:
        raise _broken(path, "it has no `format`")
    if content["format"] != FORMAT:
        command = content.get("command")
        again = f"`{command}`" if isinstance(command, str) else "its command"
        raise RecordError(
            f"{path} is of format {content['format']!r}, this version of the harness reads format "
            f"{FORMAT}: measure again with {again}, or read it with the version that wrote it"
        )
    reader = _Reader(path)
    record = reader.record(content)
    if record.name != path.stem:
        raise _broken(path, f"the record in it is called {record.name!r}, so the file should be")
    return record


def read_all(folder: Path = RESULTS) -> list[Record]:
    """Read every record of a folder, by name. Raises RecordError where there is none."""
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise RecordError(
            f"there are no results in {folder}: name another folder with --results, or measure "
            "something, such as `python -m bench plans`"
        )
    return [read(path) for path in paths]


def _is_name(name: str) -> bool:
    return re.fullmatch(r"[a-z0-9_+-][a-z0-9_.+-]*", name) is not None


def _section_json(section: Section) -> dict[str, Any]:
    figures = [
        {"what": f.what, "measured": f.measured, "target": f.target, "met": f.met}
        | ({"headline": f.headline} if f.headline else {})
        for f in section.figures
    ]
    grids = [{"columns": [*g.columns], "rows": [[*r] for r in g.rows]} for g in section.grids]
    content = {"title": section.title, "figures": figures, "grids": grids, "note": section.note}
    return content if section.data is None else {**content, "data": section.data}


def _broken(path: Path, why: str) -> RecordError:
    return RecordError(
        f"{path} is broken: {why}; take it back from version control (git checkout -- FILE), or "
        "delete it and measure again with the command that it names"
    )


class _Reader:
    """Takes a file's JSON apart; a RecordError says at which place something is not as it should.

    Places are written as one would index them: ``sections[0].figures[2].met``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def record(self, content: Mapping[str, Any]) -> Record:
        command, seed = self._text(content, "command"), self._get(content, "seed", "", _is_seed)
        name, date = self._text(content, "name"), self._text(content, "date")
        environment = self._get(content, "environment", "", _is_environment)
        versions = self._get(content, "versions", "", _is_versions)
        parts = self._get(content, "sections", "", _is_list)
        sections = [
            replace(
                self._section(part, f"sections[{at}].", command, seed, name),
                device=str(environment.get("device", "")),
            )
            for at, part in enumerate(parts)
        ]
        return Record(name, command, seed, date, environment, versions, tuple(sections))

    def _section(self, part: Any, place: str, command: str, seed: int | None, name: str) -> Section:
        figures = self._get(part, "figures", place, _is_list)
        grids = self._get(part, "grids", place, _is_list)
        return Section(
            self._text(part, "title", place),
            command,
            seed,
            [self._figure(f, f"{place}figures[{at}].") for at, f in enumerate(figures)],
            self._text(part, "note", place),
            [self._grid(g, f"{place}grids[{at}].") for at, g in enumerate(grids)],
            self._get(part, "data", place, _is_data) if "data" in part else None,
            name,
        )

    def _figure(self, part: Any, place: str) -> Figure:
        what, measured = self._text(part, "what", place), self._text(part, "measured", place)
        target, met = self._text(part, "target", place), self._get(part, "met", place, _is_verdict)
        headline = self._text(part, "headline", place) if "headline" in part else ""
        return Figure(what, measured, target, met, headline)

    def _grid(self, part: Any, place: str) -> Grid:
        grid = Grid(*self._get(part, "columns", place, _is_words))
        for at, row in enumerate(self._get(part, "rows", place, _is_list)):
            if not _is_words(row) or len(row) != len(grid.columns):
                raise _broken(
                    self._path, f"`{place}rows[{at}]` should be {len(grid.columns)} words: {row!r}"
                )
            grid.add(*row)
        return grid

    def _text(self, part: Any, key: str, place: str = "") -> str:
        found: str = self._get(part, key, place, _is_text)
        return found

    def _get(self, part: Any, key: str, place: str, fits: Callable[[Any], bool]) -> Any:
        if not isinstance(part, dict) or key not in part:
            raise _broken(self._path, f"it has no `{place}{key}`")
        if not fits(part[key]):
            wanted = (fits.__doc__ or "").strip(".")
            wanted = wanted[:1].lower() + wanted[1:]
            raise _broken(self._path, f"`{place}{key}` should be {wanted}, not {part[key]!r:.80}")
        return part[key]


def _is_text(value: Any) -> bool:
    """A text."""
    return isinstance(value, str)


def _is_list(value: Any) -> bool:
    """A list."""
    return isinstance(value, list)


def _is_words(value: Any) -> bool:
    """A list of texts."""
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _is_seed(value: Any) -> bool:
    """A whole number or null."""
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _is_verdict(value: Any) -> bool:
    """True, false or null."""
    return value is None or isinstance(value, bool)


def _is_data(value: Any) -> bool:
    """An object."""
    return isinstance(value, dict)


def _is_versions(value: Any) -> bool:
    """An object of texts."""
    return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())


def _is_environment(value: Any) -> bool:
    """An object with python, system, machine and cores."""
    needed = {"python", "system", "machine", "cores"}
    return (
        isinstance(value, dict)
        and needed <= value.keys()
        and all(isinstance(v, str | int) for v in value.values())
    )
