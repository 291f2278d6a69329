"""Joining by a snapshot: taking one, serving its parts, and becoming a node from them.

A newcomer asks its peers which snapshots they have, verifies one manifest from the genesis document
on, and fetches the parts from all peers that have them. Every part is verified before it is kept
(:mod:`ledger.snapshot`), so a peer that lies is known by its first lie, named, and left.
"""
