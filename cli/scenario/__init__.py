"""Scenarios: what a demonstration ledger starts with and what happens on it, as a data file.

Used by ``iic demo`` and tests. ``file`` reads and checks a scenario, ``cast`` makes its parties and
their demo keys, ``script`` turns its acts into transactions, ``play`` sends them to a ``venue`` and
follows it in a ``mirror``, ``books`` adds up what receipts say, ``ending`` tells the outcome.
"""
