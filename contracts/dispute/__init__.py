"""Disputes: mediation, settlement, arbitration, and awards that the ledger executes.

Used through ``contracts.registry``. Every capability whose objects people may dispute about
registers them in ``subjects``; this one must never know what those objects are.
"""
