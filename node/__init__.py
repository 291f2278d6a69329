"""Runs one guarantor: consensus, network, mempool, block sync, storage, HTTP API.

``cli`` starts it; ``contracts`` and ``ledger`` below it never import it.
"""
