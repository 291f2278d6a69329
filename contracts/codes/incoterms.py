"""Incoterms 2020 rules of the International Chamber of Commerce: codes, and what each is about."""

from __future__ import annotations

from typing import Final

INCOTERMS: Final[dict[str, str]] = {
    "EXW": "buyer collects at the seller's premises",
    "FCA": "seller hands over to the buyer's carrier",
    "FAS": "seller places goods beside the ship",
    "FOB": "seller loads goods on the ship",
    "CFR": "seller pays sea freight, risk passes on loading",
    "CIF": "seller pays sea freight and insurance, risk passes on loading",
    "CPT": "seller pays carriage, risk passes to the first carrier",
    "CIP": "seller pays carriage and full insurance, risk passes to the first carrier",
    "DAP": "seller delivers ready for unloading",
    "DPU": "seller delivers unloaded",
    "DDP": "seller delivers with import duty paid",
}
