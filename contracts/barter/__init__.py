"""Barter: one member ships components, another returns finished goods, two states stand behind.

Used through ``contracts.registry``; the market places offers through ``offers.place_offer``. One
module per concept: ``terms`` (what is agreed), ``offers``, ``securing`` (guarantees and relief),
``lots`` and ``inspection`` (deliveries either way), ``goods`` (call-offs), ``claims`` (the books in
goods value), ``trading`` (assignment, top-up, waiver), ``customs``, ``course`` (schedule and
discharge), ``default``, ``ending``, ``defects``, ``chains``, ``disputes`` (what an award does) and
``certificate`` (what customs verify offline). It must never know how a guarantee is examined or a
dispute is decided.
"""
