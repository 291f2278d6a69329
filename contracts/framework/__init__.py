"""How an operation is declared, authorised, executed and shown.

Capabilities (``contracts.register``, ``contracts.currency`` …) are written with this package; it
knows no capability. One module per concept: ``operation`` (declarations), ``authority`` (who may),
``context`` (what a rule can do), ``posting`` (the books), ``machine`` (states and time limits),
``schedule`` (deadlines), ``calendar`` (business days), ``ballot`` (votes), ``party`` (who is who),
``types`` and ``fields`` (kinds of values), ``schema``, ``forms`` and ``render`` (how declarations
reach people), ``capability`` (what a capability consists of).
"""
