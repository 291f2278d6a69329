"""Guarantees: a guarantor's irrevocable word to pay a beneficiary on a complying demand.

Independent and documentary, modelled on URDG 758: the guarantor examines what is presented, never
what happened. Used through ``contracts.registry``, and by contracts that are secured by guarantees
through ``undertaking`` (issue, reduce, release) and ``hooks`` (what a payment does to the claim
behind it). It must never know what those contracts are about.
"""
