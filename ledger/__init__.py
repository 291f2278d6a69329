"""What is recorded: encoding, keys, transactions, blocks, Merkle proofs, state and storage.

This layer knows no business rule and no network; ``contracts`` and ``node`` stand on it.
"""
