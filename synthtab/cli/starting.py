"""``synthtab models``: the domain models that come with SynthTab, and what is known of one."""

from __future__ import annotations

from rich.table import Table as Grid

from synthtab.cli import common
from synthtab.generate.pretrain.shelf import card_of, facts_of, shipped


def show(name: str | None, as_json: bool) -> None:
    """Print the list, or one model's card."""
    if name is not None:
        if as_json:
            common.print_json({**facts_of(name), "card": card_of(name)})
        else:
            common.print_text(card_of(name))
        return
    facts = [facts_of(each) for each in shipped()]
    if as_json:
        common.print_json(facts)
        return
    grid = Grid("model", "about", "parameters", "size", box=None, pad_edge=False)
    for one in facts:
        grid.add_row(
            str(one["name"]),
            str(one["about"]),
            f"{one['parameters']:,}",
            f"{one['bytes'] / 1e6:.1f} MB",
        )
    common.stdout().print(grid)
    common.stdout().print("\nsynthtab models NAME: its card; synthtab fit --init NAME: begin as it")
