"""The consensus core: Simplex as a value that maps events to effects.

:class:`node.consensus.simplex.Core` holds only the algorithm. It knows no network, disk, clock,
randomness, transaction or block content; it never blocks and never raises on input from peers. The
same core runs in a real node, in the simulator and under model-based tests. ``docs/consensus.md``
is its specification.

The replica around it (``node.replica`` in this project) has these duties:

1. **One at a time, in order.** Call ``handle`` with one event at a time and carry out the returned
   effects strictly in order, before those of the next call.
2. **Persist before send.** ``Persist`` is a barrier: its records are synced to disk before any
   effect after it starts. A node whose sync failed stops; it does not retry.
3. **Give it all back.** After a restart, construct the core with everything persisted above the
   last committed block (``Recovered``) and feed ``Start``. A node that cannot (new disk, restored
   backup) must not vote in views it may have voted in before: set ``Recovered.abstain_below``.
4. **Check what is yours.** Hand in a proposal only if it names this chain and epoch and the view's
   leader signed it. Votes and certificates need no check: the core does its own.
5. **Hold what you vouch for.** Answer ``Judge`` with ``valid=True`` only when the whole block is
   held and its execution gives the header's roots; make it durable with the notarize vote.
6. **Fetch.** A ``Judge``, ``Build`` or ``Finalize`` may name a block this node does not hold. Its
   parent is notarized, or it is final, so enough correct validators hold it: fetch and retry.
7. **Answer.** When a peer asks for views, send ``Core.certificates(views)`` (and the proposals of
   the notarized ones); when it asks for a block that this node notarized or committed, send it.
8. **Commit in order.** On ``Finalize``, commit the block's ancestors, oldest first, then the block.
   A final block that does not descend from the last final one means more than f faults: stop.
9. **New epoch, new core.** When a final block ends the epoch, construct a core for the next epoch's
   validators with that block as ``Recovered.block``. Views continue, they never restart.

A ledger of one validator decides alone:

>>> from ledger.keys import PrivateKey
>>> from ledger.validators import Validator, ValidatorSet
>>> from node.consensus.config import CoreConfig, Identity, Recovered
>>> from node.consensus.events import BlockBuilt, Start, WorkChanged
>>> from node.consensus.simplex import Core
>>> key = PrivateKey(bytes(32))
>>> alone = ValidatorSet(0, (Validator("5" * 20, "g0", "DE", key.public, b"", "h:1"),))
>>> core = Core(CoreConfig(bytes(32)), alone, Identity(0, key), Recovered(0, bytes(32)))
>>> names = lambda effects: " ".join(type(effect).__name__ for effect in effects)
>>> names(core.handle(Start()))
'EnteredView SetTimer SetTimer SetTimer SetTimer'
>>> names(core.handle(WorkChanged(True)))
'SetTimer SetTimer CancelTimer Build'
>>> built = core.handle(BlockBuilt(1, b"A" * 32, bytes(32), 0))
>>> names(e for e in built if type(e).__name__ not in ("SetTimer", "CancelTimer"))
'EnteredView Build Persist Propose CastVote SendCertificate CastVote SendCertificate Finalize'
"""
