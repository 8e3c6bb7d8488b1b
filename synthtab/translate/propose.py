"""A rule proposed by a pretrained language model, which may say nothing but rules of the table.

What it says is a proposal: it is parsed, type-checked and proved possible like any other rule, and
then shown to a person.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from synthtab.errors import ModelError, UsageError
from synthtab.generate.pretrained import PretrainedWriter
from synthtab.ir import nodes
from synthtab.lang.amend import parse_rule
from synthtab.lang.constrain import rule_grammar
from synthtab.lang.english import NotUnderstoodError, Reading, rule_name
from synthtab.lang.format import format_tables
from synthtab.lang.model import Model
from synthtab.lang.unreadable import clean
from synthtab.translate.review import review

ATTEMPTS = 5
MAX_TOKENS = 160
_EXAMPLES = """\
Sentence: A contract must end after it starts
Rule: ends_on > starts_on
Sentence: If the grade is senior, the salary must be at least 80,000
Rule: when grade = 'senior' then salary >= 80000
Sentence: Every order must have at least one line
Rule: count(of line ) >= 1
Sentence: Each zip has one city
Rule: zip determines city
"""


def propose(
    sentence: str,
    model: Model,
    directory: Path,
    table: str | None = None,
    *,
    budget_s: float = 10.0,
    attempts: int = ATTEMPTS,
    max_tokens: int = MAX_TOKENS,
) -> Reading:
    """Return the first of a few proposals that type-checks and that rows can keep.

    The first is what the model finds likeliest, the others are drawn from fixed seeds. Raises
    NotUnderstoodError where none will do, UsageError where it is not said which table is meant.
    """
    said = clean(sentence)
    if not said:
        raise NotUnderstoodError("the sentence is empty")
    if table is None and len(model.tables) > 1:
        names = ", ".join(f"`{t.name}`" for t in model.tables)
        raise UsageError(f"a language model writes for one table: name it with --table ({names})")
    home = model.table(table)
    writer = PretrainedWriter.load(directory)
    grammar = rule_grammar(home, model.tables)
    question = prompt(said, home, model)
    name = rule_name(said, home)
    refused: dict[str, None] = {}
    for attempt in range(attempts):
        seed = attempt or None
        text = writer.write(question, grammar, max_tokens=max_tokens, seed=seed)
        if text is None:
            refused[f"a rule was not finished after {max_tokens} tokens"] = None
            continue
        try:
            rule = replace(parse_rule(text, model, home.name, name), description=said)
        except ModelError as error:
            refused[f"`{text}`: {error.diagnostics[0].message}"] = None
            continue
        reading = Reading(home.name, rule)
        if not review(model, reading, budget_s=budget_s / attempts).conflicts:
            return reading
        refused[f"`{text}`: it contradicts the other rules"] = None
    reasons = "\n".join(f"  {reason}" for reason in refused)
    raise NotUnderstoodError(
        f"the model in {directory} proposed no rule that fits, in {attempts} attempts:\n{reasons}\n"
        "help: say it otherwise, or leave out --model"
    )


def prompt(sentence: str, table: nodes.Table, model: Model) -> str:
    """Return what the model is asked: the table, those it is related to, examples, the sentence."""
    related = {r.parent for r in table.rules if isinstance(r, nodes.ReferenceRule)} | {
        t.name
        for t in model.tables
        for r in t.rules
        if isinstance(r, nodes.ReferenceRule) and r.parent == table.name
    }
    others = [_columns_only(t) for t in model.tables if t.name in related - {table.name}]
    schema = format_tables([*others, _columns_only(table)])
    return (
        f"Translate a sentence about table {table.name} to a rule over its columns.\n\n"
        f"{schema}\n{_EXAMPLES}Sentence: {sentence}\nRule: "
    )


def _columns_only(table: nodes.Table) -> nodes.Table:
    kept = (nodes.UniqueRule, nodes.ReferenceRule)
    return replace(table, rules=tuple(r for r in table.rules if isinstance(r, kept)))
