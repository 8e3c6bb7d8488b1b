"""The parts of an explanation (solver/explanation.py): evaluation, deduction, repair, words."""
