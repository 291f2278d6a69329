"""What stands behind ``iic audit verify``, ``export``, ``diff``, ``prove`` and their kind.

Ledgers are read from archives, stores and nodes, and replayed by worker processes. Imports nothing
of the node.
"""
