"""A whole guarantor node without its sockets, disk, clock and threads.

:class:`node.replica.replica.Replica` maps events to effects. ``node.service`` runs it in a real
process and ``node.sim`` on virtual time; both owe it the same duties:

1. carry out effects strictly in the order given, over all calls;
2. treat :class:`~node.replica.effects.Persist` as a barrier: nothing after it happens before its
   records are durable;
3. answer each ``Check`` by ``Checked`` and each ``Commit`` by ``Committed``;
4. pass the local clock in with every event; it is used for nothing but pacing, proposing block
   times and the drift bound;
5. stop the process when a write fails: no retry after a failed sync is safe.
"""
