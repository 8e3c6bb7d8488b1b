"""Measurements behind docs/results.md: ``python -m bench {adult,check,plans,...,all}``."""

import os

# As the command line does (synthtab/cli/synthtab.py): read when torch is loaded, which is later.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
