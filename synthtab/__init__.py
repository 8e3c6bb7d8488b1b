"""Synthetic tables that cannot break the rules of the data."""

__version__ = "0.1.0"
