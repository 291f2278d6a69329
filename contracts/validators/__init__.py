"""The nodes that decide: who runs one, with which keys, and how the set of validators changes.

The state holds the set that decides the next block, and headers commit to it; a change waits for
the end of an epoch. Used through ``contracts.registry`` and by ``node``, which reads the views.
"""
