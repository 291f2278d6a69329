"""Lets tests in the folders below import this folder's helpers, such as ``ledger_in_memory``."""
