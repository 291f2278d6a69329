"""Peers: mutually authenticated TLS 1.3, length-limited frames, bounded queues, fair handling.

Used by ``node.service`` alone. It carries bytes between registered nodes and knows nothing of what
they mean: frame kinds and their limits come from ``node.messages``.
"""
