"""Governance: how the guarantors together change the ledger's own rules.

Parameters of every capability, offices, guarantors, protocol upgrades and emergency pauses are
proposed, voted on with a quorum of their kind, and enacted at a stated height, after one more check
that nothing breaks. Used through ``contracts.registry``; the node reads decisions about validators
and protocols. It must never know consensus, network or disk, nor change a balance.
"""
