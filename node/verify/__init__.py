"""Signature checks off the event loop, in worker processes.

Used by ``node.service``. PyNaCl hands the interpreter lock back and forth for every signature, so
threads stall as soon as the loop is busy; a process of its own does not. Workers import the ledger
layer alone and stay small.
"""
