"""Clearing solvers, outside of consensus: what they find is proposed, and the ledger verifies it.

Used by whoever holds the role of netting, by ``iic bench netting`` and by the demo. ``plain`` needs
nothing further and is for small cycles; the others need the extra ``solver`` (OR-Tools and NumPy).
Nothing that runs a node imports them.
"""
