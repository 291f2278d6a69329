"""Code tables that operations are checked against; part of the rules, so versioned.

Every node must accept the same codes, therefore a change of any table is a new
:data:`TABLES_VERSION`, which the genesis names and a later upgrade raises at a stated height. The
tables hold codes and short descriptions in the project's own words.
"""

from __future__ import annotations

from typing import Final

from contracts.codes.countries import COUNTRIES
from contracts.codes.harmonized import HARMONIZED
from contracts.codes.incoterms import INCOTERMS
from contracts.codes.units import UNITS

TABLES_VERSION: Final = "2026-1"

__all__ = ["COUNTRIES", "HARMONIZED", "INCOTERMS", "TABLES_VERSION", "UNITS"]
