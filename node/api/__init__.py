"""The node's HTTP API: submit, query, prove, follow; problem details; metrics and health.

The service mounts it (:func:`node.api.app.create_app`) over its
:class:`node.api.handle.NodeHandle`. It never touches consensus, peers or keys: all it knows of the
node is that handle.
"""
