"""Netting: accepted invoices and other debts cleared against each other in cycles.

A cycle freezes what its members owe each other into a snapshot; a solver outside of consensus
proposes how much of each debt to clear, with a certificate that no clearing is better; the ledger
checks the certificate in integers, in time linear in the debts, and applies it. Used through
``contracts.registry``; it knows currency and its debts, and nothing above them.
"""
