"""``iic bench``: what real nodes on this machine achieve, measured from outside.

Used by people and by the performance documentation. It starts nodes as processes and speaks to them
over the API alone.
"""
