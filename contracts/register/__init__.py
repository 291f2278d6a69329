"""The register: who is a member, with which keys, rights and offices, and how that changes.

Used through ``contracts.registry``. Everything else trusts what it writes. It knows money only
where somebody leaves: contributions, debts and the order in which losses are borne. It must never
know what goods, guarantees or disputes are; they register with :mod:`contracts.register.hooks`.
"""
