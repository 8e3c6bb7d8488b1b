"""The commands of ``rulecheck`` that put rules into other forms, and other forms into rules."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from synthtab.atomic import atomic
from synthtab.cli import common
from synthtab.cli.options import AsJson, RulesFile, TableName, TotalBudget
from synthtab.lang.comments import format_with_comments
from synthtab.lang.model import Model


class SchemaFormat(StrEnum):
    """What rules can be imported from."""

    sql = "sql"
    json_schema = "json-schema"
    frictionless = "frictionless"
    pandera = "pandera"


class Target(StrEnum):
    """What rules can be compiled to."""

    regex = "regex"
    json_schema = "json-schema"
    smt2 = "smt2"
    sql = "sql"


class SqlDialect(StrEnum):
    """The databases that rules can be written for."""

    duckdb = "duckdb"
    postgresql = "postgresql"
    sqlite = "sqlite"


def compile_(
    file: RulesFile,
    to: Annotated[Target, typer.Option("--to", help="The form wanted.")],
    dialect: Annotated[
        SqlDialect | None,
        typer.Option("--dialect", help="The database that SQL is for; DuckDB without it."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write to this file instead.")
    ] = None,
    table: TableName = None,
) -> None:
    """Translate rules: to a regex of CSV lines, a JSON schema of rows, SMT-LIB, or SQL.

    Example: [cyan]rulecheck compile rules/adult.rules --to sql -o adult.sql[/]
    """
    from synthtab.cli import checks  # pandas, Arrow

    chosen = None if dialect is None else dialect.value
    text = checks.compiled(Model.load(file), table, to.value, chosen)
    if output is None:
        common.print_text(text)
    else:
        checks.write_text(output, text)


def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A schema file, schema.py:NAME for pandera, or a database URL.",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write to this file instead.")
    ] = None,
    form: Annotated[
        SchemaFormat | None, typer.Option("--format", help="What SOURCE is; else it is guessed.")
    ] = None,
    dialect: Annotated[
        str | None, typer.Option("--dialect", help="The SQL of a file: postgres, mysql, ...")
    ] = None,
    table: Annotated[
        str | None, typer.Option("--table", help="Pick this table, or name the only one.")
    ] = None,
) -> None:
    """Make a rules file of another tool's schema. Then review it.

    Read are SQL (CREATE TABLE) and live databases, JSON Schema, Frictionless descriptors and
    pandera schemas. What rules cannot say is a comment in the file and a line on standard error.
    For pandera SOURCE is schema.py:NAME, and that Python file is run: import only what you trust.

    Example: [cyan]rulecheck import orders.schema.json -o orders.rules[/]
    """
    from synthtab.cli import checks, importing  # pandas, Arrow, sqlglot

    text = importing.imported(source, None if form is None else form.value, dialect, table)
    if output is None:
        common.print_text(text)
    else:
        checks.write_text(output, text)


def fmt(
    file: RulesFile,
    write: Annotated[bool, typer.Option("--write", help="Change the file itself.")] = False,
    is_formatted: Annotated[
        bool, typer.Option("--check", help="Only say whether the file would change.")
    ] = False,
) -> None:
    """Print a rules file in the usual layout. Comments are kept, and so is what it says.

    Example: [cyan]rulecheck fmt rules/adult.rules --write[/]
    """
    model = Model.load(file)
    assert model.source is not None
    text = format_with_comments(model.tables, model.constants, model.source)
    changed = text != model.source.text
    if is_formatted:
        common.print_text(f"{file}: {'would change' if changed else 'is in the usual layout'}")
    elif not write:
        common.print_text(text)
    elif changed:
        with atomic(file) as temporary:
            temporary.write_text(text, encoding="utf-8")
    common.finish(common.FINDINGS if is_formatted and changed else common.FINE)


def translate(
    file: Annotated[Path, typer.Argument(metavar="MODEL", help="A .rules file.")],
    sentence: Annotated[str, typer.Argument(metavar="SENTENCE", help="A rule in English.")],
    table: Annotated[
        str | None, typer.Option("--table", help="The table that the rule is about.")
    ] = None,
    pretrained: Annotated[
        Path | None,
        typer.Option("--model", help="Let the language model in this directory propose the rule."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Add the rule to the file.")] = False,
    as_json: AsJson = False,
    budget: TotalBudget = 10.0,
) -> None:
    """Translate English to a rule, prove it beside the others, and show what it allows and refuses.

    The sentence is read against the names of the model, by a grammar; docs/english.md says what is
    understood. Exit code 1 where the rule contradicts others or is not confirmed.

    Example: [cyan]rulecheck translate shop.rules "Orders must be shipped after the order date"[/]
    """
    from synthtab.cli import translating  # pandas, Arrow, Z3

    wishes = translating.Wishes(table, pretrained, yes, write, as_json, budget)
    common.finish(translating.translate(file, sentence, wishes))
