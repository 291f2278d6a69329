"""The explorer's index: what pages need and the store cannot answer at constant cost.

Derived from committed blocks alone, by a thread that consensus never waits for; it can be deleted
at any time and is made again. What it holds is in :mod:`node.explorer.index.records`, how a block
becomes records in :mod:`~node.explorer.index.gather`, who writes in
:mod:`~node.explorer.index.writer`, and what pages ask in :mod:`~node.explorer.index.reader`.
"""
