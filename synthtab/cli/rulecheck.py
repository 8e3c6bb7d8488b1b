"""``rulecheck``: everything about rules that needs no generator, and so no torch.

The command line must answer at once, so this module and those of its commands import little: what
needs pandas, Arrow or Z3 (half a second together) is imported by the command that uses it.
"""

from __future__ import annotations

import typer

from synthtab.cli import commands_on_data, commands_on_rules, commands_on_texts, common
from synthtab.cli.bare import ExplainCommand

app = typer.Typer(
    name="rulecheck",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Check, compile and apply the rules of a table.\n\n"
    "Exit codes: 0 fine, 1 rules broken or findings, 2 wrong use or bad input.",
)

# In the order of ``--help``.
for _command in (
    commands_on_rules.check,
    commands_on_rules.diff,
    commands_on_rules.witness,
    commands_on_texts.compile_,
    commands_on_data.validate,
    commands_on_data.repair,
    commands_on_rules.plan,
    commands_on_data.infer,
    commands_on_texts.import_,
    commands_on_texts.fmt,
    commands_on_texts.translate,
    commands_on_rules.explain,
):
    # `compile_` and `import_` are Python's words without the underscore.
    _kind = ExplainCommand if _command is commands_on_data.validate else None
    app.command(_command.__name__.rstrip("_"), cls=_kind)(_command)


def main() -> None:
    """Run the command line."""
    common.run(app)


if __name__ == "__main__":
    main()
