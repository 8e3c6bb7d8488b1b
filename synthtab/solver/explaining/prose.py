"""Explanations in plain words: for people at a terminal, and short for a model that corrects."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations

from synthtab.ir.relations import percent
from synthtab.lang.quoting import write_name
from synthtab.schema import Value
from synthtab.solver.explaining.evaluation import shortened, written
from synthtab.solver.explaining.parts import (
    Across,
    Broken,
    CellChange,
    Change,
    Contradiction,
    Inference,
    Repair,
)
from synthtab.solver.report import listed

SETS_SHOWN = 6
RULE_SHOWN = 300
"""Longer rules are shown with their middle left out."""


def broken_lines(broken: Sequence[Broken]) -> Iterator[str]:
    """Yield what is broken, each rule with how it comes to be FALSE."""
    for one in broken:
        yield ""
        share = (
            "" if one.share is None else f" (asked of at least {percent(one.share)} of the rows)"
        )
        kind = "" if one.kind == "column" else f"rule {one.rule}{share}: "
        yield f"  {kind}{shortened(one.text, RULE_SHOWN)}"
        if one.description:
            yield f'    "{one.description}"'
        if one.step is not None:
            yield from numbered(one.step.lines())


def numbered(lines: Iterator[str], indent: str = "    ") -> Iterator[str]:
    """Yield lines with their numbers, each sentence once."""
    for at, line in enumerate(dict.fromkeys(lines), 1):
        yield f"{indent}{at}. {line}"


def contradiction_lines(found: Sequence[Contradiction]) -> Iterator[str]:
    """Yield the derivation of each contradiction, numbered."""
    for at, one in enumerate(found, 1):
        for k, sentence in enumerate(_derivation(one)):
            yield f"  {at}. {sentence}" if k == 0 else f"     {sentence}"


def _derivation(one: Contradiction) -> Iterator[str]:
    if not one.cells:
        yield f"{_rules(one.rules)} {_s('exclude', one.rules)} every row, whatever it holds."
        return
    if not one.steps:
        ranges = f" within the range of {listed(one.ranges)}" if one.ranges else ""
        yield (
            f"{_capital(cells(one.cells))} cannot be kept{_together(one.cells)} under "
            f"{_rules(one.rules)}{ranges}."
        )
        return
    derived: set[str] = set()
    for step in one.steps:
        yield _inference(step, derived)
        derived.add(step.column)


def _inference(step: Inference, derived: Collection[str]) -> str:
    """Return a step in words; ``derived`` are columns whose value a step before this one told."""
    what = write_name(step.column)
    found = written(step.found)
    if not step.rules:
        return f"{_capital(what)} is declared to be {_words(step)}, but it is {found}."
    held = {name: value for name, value in step.given.items() if name not in derived}
    kept = f"as long as {cells(held)} {_is(held)} kept, " if held else ""
    if len(held) < len(step.given):
        kept += "then "
    rules = _rules(step.rules)
    if step.allowed.count == 1:
        forced = f"{kept}{rules} {_s('force', step.rules)} {what} = {_words(step)}"
        return _capital(f"{forced}, but {what} is {found}." if step.clash else f"{forced}.")
    asked = f"{kept}{rules} {_s('require', step.rules)} {what} to be {_words(step)}"
    return _capital(f"{asked}, but it is {found}." if step.clash else f"{asked}.")


def _words(step: Inference) -> str:
    kind = step.allowed
    if kind.texts or kind.pieces:
        return kind.words()
    if not step.rules:
        return "what its type and pattern say"
    return kind.words()


def repair_lines(repair: Repair, found: Sequence[Contradiction]) -> Iterator[str]:
    """Yield the smallest repair, the others of its size, and why nothing smaller works."""
    if not repair.options:
        yield f"No repair was found: {repair.reason}."
        return
    first, *others = repair.options
    least = "The smallest repair changes" if repair.minimal else "A repair changes"
    yield f"{least} {_count(len(first), 'cell')}:"
    harm = _harm(repair, 0)
    for change in first:
        yield f"  {_change(change)}{harm if change is first[-1] else ''}"
    if len(first) > 1:
        yield "  (what each may become goes with the others as given or as in their instances)"
    for at, other in enumerate(others, 1):
        new = [c for c in other if c not in first]
        gone = [c.column for c in first if c.column not in {o.column for o in other}]
        instead = f" (instead of {listed([write_name(c) for c in gone])})" if gone[1:] else ""
        if len(first) > 1 and not instead:
            instead = f" (instead of {write_name(gone[0])})"
        yield f"  or {' and '.join(_change(c) for c in new)}{instead}{_harm(repair, at)}"
    yield from _smaller(repair, found)


def _harm(repair: Repair, at: int) -> str:
    """Say which rules that look at other rows the instance of an option would come to break."""
    rules = repair.harms[at] if repair.harms else ()
    return f" (which would break {_rules(rules)}, beside other rows)" if rules else ""


def _change(change: Change) -> str:
    text = f"{write_name(change.column)} from {written(change.old)} to {_becomes(change)}"
    if change.allowed.exact and change.allowed.count > 1:
        text += f", for instance {written(change.example)}"
    return text


def _becomes(change: Change) -> str:
    words = change.allowed.words()
    return f"a value {words}" if words.startswith(("between", "at ")) else words


def _smaller(repair: Repair, found: Sequence[Contradiction]) -> Iterator[str]:
    size = len(repair.options[0])
    if not repair.minimal:
        yield f"That fewer cells would not do is not proved: {repair.reason}."
        return
    if size == 1:
        yield "Nothing smaller works: with every cell kept the row breaks a rule."
    else:
        yield f"Nothing smaller works: {_proof(size, found)}"
    if repair.complete:
        which = "No other cell will" if size == 1 else f"No other {size} cells will"
        yield f"{which} do: at least one contradiction would stay."
    else:
        yield f"Whether other cells would do as well is not decided: {repair.reason}."


def _proof(size: int, found: Sequence[Contradiction]) -> str:
    """Return why fewer than ``size`` cells cannot meet every contradiction."""
    for chosen in combinations(range(len(found)), size) if len(found) <= 12 else ():
        apart = [set(found[k].cells) for k in chosen]
        if sum(map(len, apart)) == len(set().union(*apart)):
            numbers = listed([str(k + 1) for k in chosen])
            return f"contradictions {numbers} have no cell in common, and each takes a change."
    union = sorted({c for one in found for c in one.cells})
    shown = []
    for names in combinations(union, size - 1):
        missed = next(k for k, one in enumerate(found, 1) if not set(names) & set(one.cells))
        shown.append(f"{listed([write_name(n) for n in names])} leave contradiction {missed}")
        if len(shown) == SETS_SHOWN:
            break
    return (
        f"no {size - 1} cell{'s' * (size > 2)} will do: {'; '.join(shown)}"
        f"{'; and so on' if len(shown) == SETS_SHOWN else ''}."
    )


def across_lines(one: Across) -> Iterator[str]:
    """Yield why a row breaks a rule that looks at other rows, and what would mend it."""
    if one.figures:
        said = [f"{term} is {written(value)}" for term, value in one.figures.items()]
        yield f"Rule {one.rule} looks at other rows: {'; '.join(said)}."
    else:
        yield f"Rule {one.rule} looks at other rows."
    if one.seen:
        yield f"It sees {_count(one.count, 'other row')}:"
        for seen in one.seen:
            yield f"  row {seen.row} of {seen.table}: {cells(seen.values) or 'nothing of it'}"
        if one.count > len(one.seen):
            yield f"  and {one.count - len(one.seen):,} more"
    else:
        yield f"It finds no row there for {cells(one.values)}." if one.values else "It finds none."
    if one.options:
        size = len(one.options[0])
        how = f"Changing {_count(size, 'cell')} mends it and breaks nothing else:"
        yield how if one.minimal or size == 1 else f"{how[:-1]} (fewer may do):"
        for at, option in enumerate(one.options):
            yield f"  {'or ' if at else ''}{' and '.join(map(cell_change, option))}"
        if size == 1:
            yield "Nothing smaller works: with every cell kept the rule is broken."
        elif one.minimal:
            yield "Nothing smaller works: every change of one cell that the rule reads was tried."
        else:
            yield "That fewer cells would not do is not proved: there are too many to be tried."
    else:
        yield "No change of a few cells was found that mends it and breaks nothing else."


def cell_change(change: CellChange) -> str:
    """Return a change of a cell of any row in words."""
    where = f"in row {change.row} of {change.table}"
    return (
        f"{write_name(change.column)} {where} from {written(change.old)} to {written(change.new)}"
    )


def cells(values: Mapping[str, Value | None]) -> str:
    """Return cells as one enumeration: ``a = 1, b = 'x' and c is NULL``."""
    said = [
        f"{write_name(name)} is NULL" if v is None else f"{write_name(name)} = {written(v)}"
        for name, v in values.items()
    ]
    return listed(said)


def feedback(
    broken: Sequence[Broken],
    found: Sequence[Contradiction],
    repair: Repair | None,
    across: Sequence[Across],
    own: tuple[str, int | None],
) -> str:
    """Return what is wrong and what would mend it, short, for a language model's next turn.

    ``own`` is the table and number of the row: of rules that look at other rows, changes of the
    row itself are advised where there are any.
    """
    lines = []
    for one in broken:
        name = one.rule if one.kind == "column" else f"rule {one.rule}"
        about = f" ({one.description})" if one.description else ""
        lines.append(f"- {name}{about} is broken: {shortened(one.text)}; here {cells(one.values)}.")
    lines += [f"- {sentence}" for one in found if one.rules for sentence in _derivation(one)]
    advice: list[str] = []
    if repair is not None and repair.options:
        first, *others = repair.options
        advice.append(f"Change {_advice(first)}.")
        alike = [o for o in others if len(o) == 1]
        advice += [f"Or instead change {_advice(other)}." for other in alike[:2]]
    for one_across in across:
        lines += [f"- {term} is {written(v)} here." for term, v in one_across.figures.items()]
        mine = [o for o in one_across.options if all((c.table, c.row) == own for c in o)]
        if mine or one_across.options:
            chosen = (mine or one_across.options)[0]
            said = map(_own_change, chosen) if mine else map(cell_change, chosen)
            advice.append(f"Change {' and '.join(said)}.")
    return "\n".join([*lines, *advice, *(["Keep every other value."] if advice else [])])


def _own_change(change: CellChange) -> str:
    return f"{write_name(change.column)} from {written(change.old)} to {written(change.new)}"


def _advice(option: Sequence[Change]) -> str:
    if len(option) == 1:
        return _change(option[0])
    return " and ".join(
        f"{write_name(c.column)} from {written(c.old)} to {written(c.example)}" for c in option
    )


def _rules(names: Sequence[str]) -> str:
    return f"rule{'s' * (len(names) > 1)} {listed(list(names))}"


def _s(verb: str, names: Sequence[str]) -> str:
    return f"{verb}s" if len(names) == 1 else verb


def _is(values: Mapping[str, object]) -> str:
    return "is" if len(values) == 1 else "are"


def _together(values: Mapping[str, object]) -> str:
    return " together" if len(values) > 1 else ""


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"


def _capital(text: str) -> str:
    """Return a sentence with a capital; names stay as they are written."""
    starts = ("as long as", "rule", "rules", "then")
    return text[0].upper() + text[1:] if text.startswith(starts) else text
