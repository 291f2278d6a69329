"""The simulator: whole clusters in one thread on virtual time, decided by a seed.

A run draws a :class:`~node.sim.plan.Plan` from its seed (how many nodes, which of them are
Byzantine and how, what the network loses, who is cut off or loses power when), plays it with the
very replicas that run in a real node, lets everything heal, and checks what must hold: agreement,
validity, durability, and progress once healed. The same seed gives the same run, event by event.

Used by ``iic sim`` and by tests. It may import every part of a node and knows no real clock,
socket, disk or thread.
"""
