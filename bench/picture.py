"""Draw docs/demo.svg: the real output of ``synthtab demo``, as a terminal shows it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from synthtab.cli import common, demo

TARGET = Path(__file__).parents[1] / "docs" / "demo.svg"


def main() -> None:
    console = Console(record=True, width=84, highlight=False)
    common.stdout = lambda: console
    demo.run_demo(Path("demo-out"), 20_000, 0)
    console.save_svg(str(TARGET), title="make demo")
    # Fonts are the reader's: the picture fetches nothing.
    text = TARGET.read_text(encoding="utf-8")
    start, end = text.index("@font-face"), text.rindex("@font-face")
    end = text.index("}", end) + 1
    TARGET.write_text(text[:start] + text[end:], encoding="utf-8")


if __name__ == "__main__":
    main()
