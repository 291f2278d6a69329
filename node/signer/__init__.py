"""A vote key that lives elsewhere: a process of its own that signs, and never signs two ways.

The node asks over a Unix socket (:mod:`~node.signer.client`); the signer
(:mod:`~node.signer.server`) holds the key and decides by its own durable memory what it may sign
(:mod:`~node.signer.guard`, :mod:`~node.signer.memory`). It knows no block, no network and no
ledger, only what this key has signed before; so two nodes that were started with one key by
mistake, or a node restored from an old backup, cannot make it contradict itself. Another signer (a
PKCS#11 module behind a process of this shape) has to keep :mod:`~node.signer.wire` and the guard's
rules.
"""
