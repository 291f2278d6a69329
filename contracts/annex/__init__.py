"""Confidential annexes: who can read what, without the ledger ever seeing the content.

The ledger keeps a salted commitment, the digest of the ciphertext, the size, and for each recipient
the content key sealed to its registered encryption key. The ciphertext travels outside. Used by the
wallet's ``annex`` commands; knows the register only and does no cryptography but checks of keys.
"""
