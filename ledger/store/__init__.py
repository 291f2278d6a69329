"""What a node keeps on disk: blocks, receipts, indexes, state and its tree, in one atomic store.

``interface`` says what a store does; ``chain`` does it over any ordered key-value environment
(``tables`` lays the records out, ``lmdb_environment`` is the one on disk, ``memory`` the one for
tests and the simulator); ``proofs`` builds proofs from it and ``check`` verifies all of it again.
Used by ``node`` and ``cli``. It knows neither contracts nor the network.
"""
