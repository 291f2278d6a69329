"""The register: who is a member, with which keys, rights and offices, and how that changes.

Used through ``contracts.registry``. Everything else trusts what it writes, so it must never know
money or goods, except that a member's contribution is paid and that a member leaves with nothing
open.
"""
