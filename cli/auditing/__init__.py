"""What stands behind ``iic audit verify``, ``import``, ``diff``, ``prove`` and their kind.

Ledgers are read from archives, stores and nodes, and replayed by worker processes. Offline nothing
of the node is imported.
"""
