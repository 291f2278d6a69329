"""Every size bound of the ledger layer, in one place.

These bound the work that one object can cost before anything about it is trusted. Business limits
(amounts, windows, rates) are genesis parameters instead, because governance may change them.
"""

MAX_INT = 2**63 - 1
"""Largest integer in any structure: amounts in minor units, times in milliseconds, heights."""

MAX_TRANSACTION_BYTES = 64 * 1024
MAX_SIGNATURES = 16
MAX_OPERATIONS = 64
MAX_REFERENCE_CHARS = 64
SALT_BYTES = 8

MAX_BATCH_BYTES = 2 * 1024 * 1024
MAX_BATCH_TRANSACTIONS = 2_000
MAX_BLOCK_BATCHES = 64
MAX_BLOCK_TRANSACTIONS = 4_000
MAX_BLOCK_BYTES = 8 * 1024 * 1024

MAX_VALIDATORS = 100
MAX_CERTIFICATE_BYTES = 4096
"""An X.509 certificate in DER, as the register holds it for each guarantor node."""

MAX_STATE_KEY_BYTES = 400
"""LMDB accepts keys up to 511 bytes; table prefixes and index suffixes need room."""

MAX_REASON_CHARS = 400
"""A refusal's sentence in a receipt."""
