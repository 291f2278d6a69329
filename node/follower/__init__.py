"""A node without a vote for whoever trusts nobody: it verifies everything and serves what holds.

It needs the genesis document and the public API of one node or several, and nobody's admission.
Blocks come from one of them (:mod:`node.follower.source`), are verified and stored by
:mod:`contracts.verifier`, and are held against what all the others show
(:mod:`node.follower.watching`). What is wrong becomes an alarm (:mod:`node.follower.raising`);
:mod:`node.follower.follow` puts these together.

What an alarm leads to depends on who is to blame:

==============  ========================================  ======================================
code            what happened                             the follower
==============  ========================================  ======================================
``LINK`` …      a quorum signed what is wrong             freezes: serves the verified ledger,
                (:class:`contracts.violations.Check`)     takes no further block
``FORK``        a quorum signed two ledgers               freezes
``EQUIVOCATION`` a guarantor contradicted itself          goes on: up to f of them may
``PEER_LIES``   a peer shows what no quorum signed        goes on with the other peers
``OTHER_LEDGER`` a peer serves another genesis            goes on with the other peers
==============  ========================================  ======================================

After a restart it tries again from its verified head; what froze it freezes it again.
"""
