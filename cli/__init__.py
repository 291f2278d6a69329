"""The ``iic`` command: thin groups that parse, call and render.

Used by people and scripts. The groups are mounted lazily by :mod:`cli.main`; how they speak
(tables, JSON, errors, exit codes) is decided once, in :mod:`cli.output`. Nothing below imports
this layer.
"""
