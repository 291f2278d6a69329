"""The joint fund: states pay in, residents apply, milestones release money, loans return.

One tranche of its money is ring-fenced to bear first losses of the system (:mod:`.firstloss`). Used
by guarantees and by run-off through their hooks; knows the register and the currency, and nothing
of nodes or clocks.
"""
