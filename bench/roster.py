"""Who takes part in the comparison with other generators, and how each is asked."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HOME = Path(__file__).with_name("contenders")
BUDGET = {"epsilon": 1.0, "delta": 1e-6}
OWN = "synthtab"


@dataclass(frozen=True)
class Contender:
    """A generator under test.

    ``driver`` is a script's name in bench/contenders, and that of its environment and its pins;
    contenders may share one. ``private``: it keeps differential privacy, and is compared with
    others that do. ``sequential``: it is for tables whose rows follow each other in groups.
    ``absent`` says why it is not
    run at all.
    """

    name: str
    title: str
    driver: str
    options: Mapping[str, object] = field(default_factory=dict)
    private: bool = False
    sequential: bool = False
    absent: str = ""

    @property
    def own(self) -> bool:
        """Whether it is run by the Python at hand, not in an environment of its own."""
        return self.driver == "synthtab_own"


CONTENDERS = (
    Contender(OWN, "SynthTab", "synthtab_own"),
    Contender("sdv-copula", "SDV Gaussian copula", "sdv_models", {"kind": "copula"}),
    Contender("sdv-ctgan", "SDV CTGAN", "sdv_models", {"kind": "ctgan"}),
    Contender("sdv-tvae", "SDV TVAE", "sdv_models", {"kind": "tvae"}),
    Contender(
        "sdv-copula-rules",
        "SDV Gaussian copula with its constraints",
        "sdv_models",
        {"kind": "copula", "constraints": True},
    ),
    Contender(
        "sdv-ctgan-rules",
        "SDV CTGAN with its constraints",
        "sdv_models",
        {"kind": "ctgan", "constraints": True},
    ),
    Contender("argn", "TabularARGN", "mostlyai_argn"),
    Contender("great", "GReaT, small GPT-2 from scratch", "great"),
    Contender("realtabformer", "REaLTabFormer, small GPT-2", "realtab"),
    Contender("tabula", "TabuLa's ideas, small GPT-2", "tabula"),
    Contender("doppelganger", "DoppelGANger", "doppelganger", sequential=True),
    Contender("pishield", "CTGAN with PiShield's layer", "pishield_gan"),
    Contender("synthtab-dp", "SynthTab, private", "synthtab_own", BUDGET, private=True),
    Contender("argn-dp", "TabularARGN, private", "mostlyai_argn", BUDGET, private=True),
    Contender("aim-mbi", "AIM on mbi", "mbi_aim", BUDGET, private=True),
    Contender("aim", "smartnoise AIM", "smartnoise", {"kind": "aim", **BUDGET}, private=True),
    Contender("mst", "smartnoise MST", "smartnoise", {"kind": "mst", **BUDGET}, private=True),
    Contender(
        "patectgan",
        "smartnoise PATECTGAN",
        "smartnoise",
        {"kind": "patectgan", **BUDGET},
        private=True,
    ),
    Contender(
        "kamino",
        "Kamino",
        "kamino",
        BUDGET,
        private=True,
        absent="its authors publish research code, and no package to install and pin",
    ),
)


def chosen(names: Sequence[str], of: Sequence[Contender] = CONTENDERS) -> tuple[Contender, ...]:
    """Return the contenders named, all where none is; SystemExit naming near ones."""
    known = {c.name: c for c in of}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or sorted(known)
            raise SystemExit(f"bench: no contender {name!r}; there are {', '.join(near)}")
    return tuple(known[n] for n in names) if names else tuple(of)
