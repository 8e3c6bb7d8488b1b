"""Whole models: tables that refer to each other, learned and written in order."""
