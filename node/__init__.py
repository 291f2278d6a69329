"""One guarantor node: consensus, network, replica, HTTP API.

``cli`` starts it; ``contracts`` and ``ledger`` below it know nothing of it.
"""
