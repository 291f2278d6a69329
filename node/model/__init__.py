"""A formal model of the protocol beside the code, and checkers that hold the two together.

:mod:`~node.model.rules` says in a page what a correct validator may sign. From there:

- :mod:`~node.model.explore` visits *every* state that a cluster can reach within a number of views,
  whatever order messages arrive in, whichever are lost, whatever the traitor signs and whoever
  restarts, and checks each promise in each state. What takes part is either the rules themselves
  (:class:`~node.model.abstract.AbstractValidator`) or the running code's own core
  (:class:`~node.model.concrete.CoreValidator`); of the core every single step is also held against
  the rules, so the code *refines* the model as far as was explored.
- :mod:`~node.model.trace` holds what real nodes did against the same rules.

Used by ``iic model``, the tests, and nothing that runs in production.
"""
