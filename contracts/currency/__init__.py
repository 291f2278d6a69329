"""The settlement currency: issued and redeemed by each state's issuer under its attested reserve.

Used through ``contracts.registry``. Pays, holds in escrow, asks for payment and reverses by
consent; it must never know goods, guarantees or disputes.
"""
