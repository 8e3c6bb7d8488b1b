"""Drivers of other generators, each a script that runs in a virtual environment of its own.

A driver, ``NAME.py``, runs under a Python that has the peer but not us: it imports ``protocol``
beside it, pandas, and what ``NAME.txt`` pins. bench/roster.py says who takes part; bench/contest.py
hands a driver its data and reads what it made.
"""
