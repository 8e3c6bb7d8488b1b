"""Measurements behind docs/results.md: ``python -m bench {adult,plans,repair,validate}``."""
