"""Where the time of an operation goes, by part of the code: cProfile's own times, added up.

What a library or a built-in function takes is put down to the library where it is torch, Z3, NumPy
or Arrow, and to whoever called it where it is Python's own. Threads that train are seen as the time
that is spent waiting for them.
"""

from __future__ import annotations

import cProfile
import pstats
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from bench.growing import Size, broken, model, rows
from bench.limits import one_core
from bench.report import Figure, Grid, Section
from synthtab.atomic import atomic
from synthtab.backends.vector import VectorBackend
from synthtab.frames import decode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.train import TrainConfig
from synthtab.pipeline import Synthesizer
from synthtab.solver.project import compile_plan
from synthtab.solver.repair import repair

COMMAND = "python -m bench speed --profile"
TITLE = "Where the time goes, by part"
PLACE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN = "<!-- made by `python -m bench speed --profile`; change nothing here by hand -->"
END = "<!-- end of what is made -->"
LIBRARIES = {"torch": "torch", "transformers": "torch", "z3": "Z3", "numpy": "NumPy"}
LIBRARIES |= {"pandas": "pandas", "pyarrow": "Arrow", "outlines_core": "Outlines"}
OTHERS = "the rest"
SIZE = Size(4_000, 10, 12)
LEAST = 0.03
"""Parts below this share are told together."""

Where = tuple[str, int, str]


def run(seed: int) -> list[Section]:
    """Profile each operation, and put what is found into docs/performance.md too."""
    section = profiled(SIZE, seed)
    write(section)
    return [section]


def profiled(size: Size, seed: int) -> Section:
    """Profile each operation on a made-up table; a figure says what takes most."""
    grid = Grid("operation", "part", "share of the time")
    figures = []
    for operation, way in _ways(size, seed).items():
        parts = shares(way)
        first = max(parts, key=lambda part: parts[part])
        figures.append(Figure(f"{operation}: most of the time", f"{first}, {parts[first]:.0%}"))
        for part, share in parts.items():
            grid.add(operation, part, f"{share:.0%}")
    note = (
        "Own times of functions (cProfile, one core) by the module they are in, for a made-up "
        f"table of {size.rows:,} rows, {size.columns} columns and {size.rules} rules. Calls are "
        "made slower by being counted, so many short ones weigh more here than they do unwatched; "
        "arithmetic written with operators counts for the module it is written in."
    )
    return Section(TITLE, COMMAND, seed, figures, note, [grid], name="speed-profile")


def shares(way: Callable[[], object]) -> dict[str, float]:
    """Return the share of each part in the time of a call, largest first, the rest at the end."""
    profile = cProfile.Profile()
    with one_core():
        profile.runcall(way)
    # pstats has no types for what it holds: by function, calls, own and whole time, and callers.
    stats: Mapping[Where, tuple[int, int, float, float, Mapping[Where, tuple[float, ...]]]]
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    found: Counter[str] = Counter()
    for where, (_, _, own, _, callers) in stats.items():
        part = _part(where)
        if part is not None or not callers:
            found[part or OTHERS] += own
            continue
        for caller, (_, _, its_own, _) in callers.items():
            found[_part(caller) or OTHERS] += its_own
    whole = sum(found.values()) or 1.0
    large = {p: t / whole for p, t in found.most_common() if p != OTHERS and t >= LEAST * whole}
    rest = 1.0 - sum(large.values())
    return {**large, OTHERS: rest} if rest > 0 else large


def written(section: Section, page: str) -> str:
    """Return docs/performance.md with the section's figures between their two marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"bench: {PLACE.name} has lost the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n{block(section)}{END}{after}"


def block(section: Section) -> str:
    """Return what stands between the marks: a sentence to each operation, and the note."""
    lines = []
    for operation in dict.fromkeys(row[0] for row in section.grids[0].rows):
        parts = [
            f"{part} {share}" for name, part, share in section.grids[0].rows if name == operation
        ]
        lines.append(f"- **{operation}**: {', '.join(parts)}")
    return "\n".join([*lines, "", section.note, ""])


def write(section: Section, place: Path = PLACE) -> None:
    """Put the section's figures into docs/performance.md."""
    text = written(section, place.read_text(encoding="utf-8"))
    with atomic(place) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _ways(size: Size, seed: int) -> dict[str, Callable[[], object]]:
    table, batch = model(size).table(), rows(size, seed)
    config = GeneratorConfig(train=TrainConfig(symbols_seen=10**12, max_epochs=1))
    synthesizer = Synthesizer(model(size), config=config)
    frame = decode_frame(table.columns, batch)
    many = batch.take(np.random.default_rng(seed).integers(0, len(batch), 50 * len(batch)))
    backend = VectorBackend(table)
    wrong = broken(Size(min(size.rows, 1_000), size.columns, size.rules), seed)

    def sample() -> object:
        return synthesizer.sample(size.rows, mode="solver", seed=seed)

    return {
        "compile": lambda: compile_plan(table),
        # Fitting comes before sampling, which needs it.
        "fit": lambda: synthesizer.fit(frame, seed=seed),
        "sample": sample,
        "validate": lambda: backend.violated(many),
        "repair": lambda: repair(table, wrong, rng=np.random.default_rng(seed), donors=batch),
    }


def _part(where: Where) -> str | None:
    """Return the part that a function belongs to; None where its caller is to say."""
    file, _, name = where
    if file == "~":
        if "_thread.lock" in name:
            return "threads that train"
        library = next((shown for key, shown in LIBRARIES.items() if key in name), None)
        return library or ("torch" if "Tensor" in name else None)
    path = Path(file).as_posix()
    _, ours, inside = path.rpartition("/synthtab/")
    if ours:
        return f"`{Path(inside).with_suffix('').as_posix()}`"
    _, _, inside = path.rpartition("/site-packages/")
    return LIBRARIES.get(inside.split("/")[0])
