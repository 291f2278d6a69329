"""What entries mean: operations, rules and books of the cluster, capability by capability.

``node`` executes blocks through ``contracts.executor`` and reads views; ``cli`` renders forms and
words from the declarations. This layer stands on ``ledger`` and must never know a network, clock,
disk or HTTP: everything it needs is in the state and the block.
"""
