"""Supply and demand: registers, ranking by a published rule, reservations, plans and barter cycles.

Nothing here obliges anybody: a reservation ends in a barter offer or an invoice, or is released.
Used by wallets and by solvers that search the book; knows barter and the currency, not the node.
"""
