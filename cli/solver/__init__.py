"""Clearing solvers, outside of consensus: what they find is proposed, and the ledger verifies it.

Used by whoever holds the role of netting, and by ``iic bench netting``. Needs the extra ``solver``
(OR-Tools and NumPy); nothing that runs a node imports it.
"""
