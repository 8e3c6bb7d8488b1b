"""What was proved, as findings: a code, a place, the rules that are the reason, a way out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from synthtab.diagnostics import Diagnostic, Label, Severity, Source, Span
from synthtab.ir import nodes
from synthtab.lang.quoting import write_name, write_string
from synthtab.lang.write import format_value
from synthtab.schema import Column, decode_value, domain
from synthtab.solver.conditions import Part
from synthtab.solver.inquiry import Claim

SHOWN = 6


def listed(items: Sequence[str]) -> str:
    """Return names as one enumeration, shortened where it is long."""
    if len(items) > SHOWN:
        items = [*items[:SHOWN], f"{len(items) - SHOWN} more"]
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def value_of(column: Column, cell: int | str | None) -> str:
    """Return a cell of a column as the language writes it."""
    if cell is None:
        return "NULL"
    if isinstance(cell, str):
        return write_string(cell)
    value = decode_value(column.type, cell)
    # Without zeros after the last digit that counts, as people write an end of a range.
    return format_value(value.normalize() if isinstance(value, Decimal) else value)


def conflict(table: nodes.Table, reasons: Sequence[Claim], source: Source | None) -> Diagnostic:
    """E301: claims that no row keeps together."""
    titles = dict.fromkeys(c.title for c in reasons)
    names = " and ".join(titles)
    verb = "contradicts itself" if len(titles) == 1 else "contradict each other"
    return Diagnostic(
        "E301",
        f"{names} {verb}: no row of table {table.name!r} can satisfy "
        f"{'it' if len(titles) == 1 else 'them together'}",
        reasons[0].span,
        "change or drop one of them; without any one of them the rest can be satisfied",
        source,
        "error",
        tuple(Label(c.span, c.title) for c in reasons[1:] if c.span is not None),
    )


def rules_undecided(table: nodes.Table, budget_s: float, source: Source | None) -> Diagnostic:
    """W303: not even whether a row can keep the rules."""
    return Diagnostic(
        "W303",
        f"could not decide within {budget_s:g} s whether the rules of table "
        f"{table.name!r} can be satisfied together",
        table.span,
        "raise the time budget, or declare narrower ranges",
        source,
        "warning",
    )


def undecided(
    table: nodes.Table,
    opened: Sequence[tuple[str, Span | None]],
    budget_s: float,
    source: Source | None,
) -> Diagnostic:
    """W303: questions that were asked and not answered."""
    what = [text for text, _ in opened]
    return Diagnostic(
        "W303",
        f"not decided of table {table.name!r}, with {budget_s:g} s to spend: {listed(what)}",
        table.span,
        "raise the time budget, declare narrower ranges, or say the rules more simply",
        source,
        "warning",
        tuple(Label(span, text) for text, span in opened[:SHOWN] if span is not None),
    )


def never_holds(
    rule: nodes.RowRule, part: Part, reasons: Sequence[Claim], source: Source | None
) -> Diagnostic:
    """W306: a condition no row makes TRUE."""
    where = f"{part.title} in rule {rule.name}"
    said = (
        f"{where} is never taken in a row that keeps the rules"
        if part.is_branch
        else f"{where} can never hold: no row that keeps the rules makes it TRUE"
    )
    return _finding(
        "W306",
        said + _why(reasons),
        part.node.span or rule.span,
        "correct the condition, or leave it out",
        source,
        reasons,
    )


def implied(rule: nodes.RowRule, reasons: Sequence[Claim], source: Source | None) -> Diagnostic:
    """W304: a rule implied by others; W305: one that column declarations alone imply."""
    rules = [r for r in reasons if r.is_rule]
    if not rules:
        return _finding(
            "W305",
            f"rule {rule.name} is always true: no row could break it{_why(reasons)}",
            rule.span,
            "leave it out, or say what it was meant to forbid",
            source,
            reasons,
        )
    return _finding(
        "W304",
        f"rule {rule.name} adds nothing: every row that keeps "
        f"{listed([r.title for r in rules])} keeps it too",
        rule.span,
        "leave it out, or make it as strict as it was meant to be",
        source,
        reasons,
    )


def forced(
    column: Column, cell: int | str, reasons: Sequence[Claim], source: Source | None
) -> Diagnostic:
    """W307: a column with one possible value."""
    null = " or NULL" if column.optional else ""
    return _finding(
        "W307",
        f"column {write_name(column.name)} can only be {value_of(column, cell)}{null}"
        f"{_why(reasons)}",
        column.span,
        "loosen a rule, or drop the column: it tells nothing",
        source,
        reasons,
    )


def always_null(column: Column, reasons: Sequence[Claim], source: Source | None) -> Diagnostic:
    """W308: a column that no row fills."""
    return _finding(
        "W308",
        f"column {write_name(column.name)} is always NULL: no value keeps the rules{_why(reasons)}",
        column.span,
        "loosen a rule, or drop the column",
        source,
        reasons,
    )


def never_null(column: Column, reasons: Sequence[Claim], source: Source | None) -> Diagnostic:
    """W309: an optional column that every row fills."""
    return _finding(
        "W309",
        f"column {write_name(column.name)} is optional, but can never be NULL{_why(reasons)}",
        column.span,
        "drop `optional`, or let the rules allow NULL",
        source,
        reasons,
    )


def dead_values(
    column: Column, codes: Sequence[int], reasons: Sequence[Claim], source: Source | None
) -> Diagnostic:
    """W310: enum values no row can take."""
    values = listed([value_of(column, code) for code in codes])
    return _finding(
        "W310",
        f"column {write_name(column.name)} can never be "
        f"{values.replace(' and ', ' or ') if len(codes) > 1 else values}{_why(reasons)}",
        column.span,
        "loosen a rule, or take the value off the list",
        source,
        reasons,
    )


def tighter(
    column: Column, lo: int, hi: int, reasons: Sequence[Claim], source: Source | None
) -> Diagnostic:
    """W311: a range whose ends no row reaches."""
    said = " .. ".join(value_of(column, code) for code in domain(column))
    real = " .. ".join(value_of(column, code) for code in (lo, hi))
    return _finding(
        "W311",
        f"column {write_name(column.name)} is declared in {said}, but rows can only hold {real}"
        f"{_why(reasons)}",
        column.span,
        f"declare {real}, or loosen a rule",
        source,
        reasons,
        "note",
    )


def too_few_rows(
    table: nodes.Table,
    rule: nodes.UniqueRule,
    most: int,
    rows: int,
    source: Source | None,
) -> Diagnostic:
    """E304: a key with fewer values than rows were asked for."""
    names = ", ".join(write_name(c) for c in rule.columns)
    return Diagnostic(
        "E304",
        f"table {table.name!r} cannot have {rows:,} rows: there are at most {most:,} different "
        f"values of ({names}), which rule {rule.name} wants to differ from row to row",
        rule.span or table.span,
        f"ask for at most {most:,} rows, or widen the columns of the rule",
        source,
    )


def not_so_many(
    table: nodes.Table,
    rows: int,
    limit: int,
    reasons: Sequence[Claim],
    source: Source | None,
    *,
    most: bool,
) -> Diagnostic:
    """E304 or E306: a number of rows that a rule about the whole table rules out."""
    word = "at most" if most else "at least"
    return _finding(
        "E304" if most else "E306",
        f"table {table.name!r} cannot have {rows:,} rows: it has {word} {limit:,}{_why(reasons)}",
        next((r.span for r in reasons if r.span is not None), table.span),
        f"ask for {word} {limit:,} rows, or loosen a rule",
        source,
        reasons,
        "error",
    )


def too_many_children(
    child: nodes.Table,
    parent: nodes.Table,
    step: nodes.ReferenceRule,
    rows: int,
    parents: int,
    each: int,
    reasons: Sequence[Claim],
    source: Source | None,
) -> Diagnostic:
    """E304: more rows than the rows they refer to can have."""
    ways = [f"at most {each * parents:,} rows of {child.name!r}"]
    ways += [f"at least {-(-rows // each):,} of {parent.name!r}"] if each else []
    return _finding(
        "E304",
        f"table {child.name!r} cannot have {rows:,} rows: at most {each:,} refer to the same row "
        f"of {parent.name!r}, which has at most {parents:,}{_why(reasons)}",
        step.span or child.span,
        f"ask for {' or '.join(ways)}",
        source,
        reasons,
        "error",
    )


def too_few_children(
    child: nodes.Table,
    parent: nodes.Table,
    rows: int,
    parents: int,
    each: int,
    reasons: Sequence[Claim],
    source: Source | None,
) -> Diagnostic:
    """E306: fewer rows than the rows that need to be referred to want."""
    return _finding(
        "E306",
        f"{rows:,} rows of table {child.name!r} are too few: each of the {parents:,} rows of "
        f"{parent.name!r} needs at least {each:,}{_why(reasons)}",
        next((r.span for r in reasons if r.span is not None), child.span),
        f"ask for at least {each * parents:,} rows of {child.name!r}, or at most "
        f"{rows // each:,} of {parent.name!r}",
        source,
        reasons,
        "error",
    )


def _finding(
    code: str,
    message: str,
    span: Span | None,
    help_: str,
    source: Source | None,
    reasons: Iterable[Claim],
    severity: Severity = "warning",
) -> Diagnostic:
    labels = tuple(Label(c.span, c.title) for c in reasons if c.span is not None)
    shown = tuple(label for label in labels if label.span != span)
    return Diagnostic(code, message, span, help_, source, severity, shown[:SHOWN])


def _why(reasons: Sequence[Claim]) -> str:
    titles = list(dict.fromkeys(r.title for r in reasons))
    return f" (because of {listed(titles)})" if titles else ""
