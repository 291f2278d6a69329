"""Every refusal of an operation. Codes never change their meaning once published."""

from __future__ import annotations

from ledger.errors import define

# Reading
UNKNOWN_OPERATION = define("UNKNOWN_OPERATION", 400, "No operation of this name is declared.")
INVALID_FIELD = define(
    "INVALID_FIELD", 400, "A field's value breaks the rule of its kind, such as check digits."
)

# Admission: such a transaction is not recorded and may be sent again
TRANSACTION_EXPIRED = define(
    "TRANSACTION_EXPIRED", 409, "Block time is past the transaction's validity window."
)
VALIDITY_TOO_LONG = define(
    "VALIDITY_TOO_LONG", 400, "The validity window ends later than the ledger accepts."
)
ALREADY_RECORDED = define("ALREADY_RECORDED", 409, "The ledger holds this very transaction.")
DUPLICATE_REFERENCE = define(
    "DUPLICATE_REFERENCE", 409, "The author used this reference for another transaction."
)
UNKNOWN_PARTY = define("UNKNOWN_PARTY", 404, "No party of this LEI is in the register.")
NOT_AUTHORISED = define(
    "NOT_AUTHORISED", 403, "The author lacks the standing or role that the operation asks for."
)
UNAUTHORISED_SIGNER = define(
    "UNAUTHORISED_SIGNER", 403, "A signature is by a key of no party to the transaction."
)

# Blocks
UNKNOWN_PROTOCOL = define(
    "UNKNOWN_PROTOCOL", 503, "The ledger follows a newer protocol than this software knows."
)

# Any transition
NOT_FOUND = define("NOT_FOUND", 404, "The object that the operation names does not exist.")
NOT_ENTITLED = define(
    "NOT_ENTITLED", 403, "The author is not a party to the object in the capacity needed."
)
WRONG_STATE = define("WRONG_STATE", 409, "The object's state does not allow this event.")
DEADLINE_PASSED = define("DEADLINE_PASSED", 409, "The time limit for this event has passed.")
STANDING_FORBIDS = define(
    "STANDING_FORBIDS", 403, "A party's standing in the register does not allow this."
)
INVALID_TERMS = define("INVALID_TERMS", 422, "The terms of the operation contradict each other.")
OUT_OF_CALENDAR = define(
    "OUT_OF_CALENDAR", 409, "The pinned calendar does not cover the days that a limit needs."
)
DEFECT = define(
    "DEFECT", 500, "A rule failed in a way its author did not foresee; nothing was changed."
)

# Books
INSUFFICIENT_FUNDS = define("INSUFFICIENT_FUNDS", 422, "The account holds less than is needed.")
OVER_CREDIT_LINE = define(
    "OVER_CREDIT_LINE", 422, "The account's credit line is less than is needed."
)
OVER_BALANCE_LIMIT = define(
    "OVER_BALANCE_LIMIT", 422, "The account would exceed what the ledger can count."
)
SAME_ACCOUNT = define("SAME_ACCOUNT", 422, "A movement needs two different accounts.")

# Register
ALREADY_REGISTERED = define(
    "ALREADY_REGISTERED", 409, "The party is in the register or its application is open."
)
NO_HOME_STATE = define("NO_HOME_STATE", 422, "The home state has no guarantor in this ledger.")
NOT_A_VOTER = define("NOT_A_VOTER", 403, "The author is not on the ballot's list of voters.")
ALREADY_VOTED = define("ALREADY_VOTED", 409, "The author has voted or withdrawn from the ballot.")
NO_VOTERS = define("NO_VOTERS", 409, "No guarantor is free of conflict, so none could vote.")
MOTION_OPEN = define("MOTION_OPEN", 409, "A ballot on this very motion is open.")
ROLE_HELD = define("ROLE_HELD", 409, "The role is held, and only one party may hold it.")
ROLE_NOT_HELD = define("ROLE_NOT_HELD", 409, "The party does not hold this role.")
KEY_NAME_TAKEN = define("KEY_NAME_TAKEN", 409, "The keyring has a key of this name.")
UNKNOWN_KEY = define("UNKNOWN_KEY", 404, "The keyring has no such key.")
KEY_IN_USE = define("KEY_IN_USE", 409, "The public key is registered already.")
RECOVERY_OPEN = define("RECOVERY_OPEN", 409, "A recovery of the party's keys waits already.")
POSITIONS_OPEN = define(
    "POSITIONS_OPEN", 409, "Balances or objects of the party are open, so it cannot be closed."
)

# Currency
RESERVE_EXCEEDED = define(
    "RESERVE_EXCEEDED", 422, "Issue would exceed the reserve that is attested for the state."
)
ATTESTATION_STALE = define(
    "ATTESTATION_STALE", 409, "The state's reserve attestation is missing or too old to issue on."
)
OVER_ISSUED = define(
    "OVER_ISSUED", 422, "More would be redeemed than the state's issuer has outstanding."
)
OVERPAID = define("OVERPAID", 422, "The amount is more than what remains to be paid.")
DEBT_FROZEN = define(
    "DEBT_FROZEN", 409, "A netting cycle has frozen the debt until the cycle ends."
)
OVER_LINE_CAP = define(
    "OVER_LINE_CAP", 422, "The credit lines of the state's members would exceed the council's cap."
)
OVER_SWING = define(
    "OVER_SWING", 422, "The net position of a state would exceed the council's swing limit."
)
NO_SUCH_LINE = define("NO_SUCH_LINE", 404, "The member has no credit line, or none of this kind.")
LINE_IN_USE = define("LINE_IN_USE", 409, "The credit line is drawn on, so it cannot end.")
OVER_MANDATE = define(
    "OVER_MANDATE", 422, "The payment exceeds a limit of the mandate that it is made under."
)
QUEUE_FULL = define("QUEUE_FULL", 409, "The payer has as many queued payments as it may have.")
UNKNOWN_ASSET = define("UNKNOWN_ASSET", 422, "No asset of this kind can be exchanged.")
CYCLE_OPEN = define("CYCLE_OPEN", 409, "A netting cycle is open, and only one may be.")
OTHER_SNAPSHOT = define(
    "OTHER_SNAPSHOT", 409, "The proposal is bound to another snapshot than the cycle's."
)
BAD_PAGE = define(
    "BAD_PAGE", 422, "A posted page does not fit the page of the snapshot that it names."
)
ALREADY_REVERSED = define(
    "ALREADY_REVERSED", 409, "This leg of the payment is reversed or its reversal is proposed."
)

# Guarantees
OVER_CAPACITY = define(
    "OVER_CAPACITY", 422, "The guarantor's posted capacity is less than its promises would need."
)
COLLATERAL_SHORT = define(
    "COLLATERAL_SHORT", 422, "The guarantor's posted collateral is less than its promises need."
)
OVER_GUARANTEE = define("OVER_GUARANTEE", 422, "More is asked than the guarantee has remaining.")
GUARANTEE_TOO_LONG = define(
    "GUARANTEE_TOO_LONG", 422, "The guarantee would end later than the ledger accepts."
)
NOT_LISTED = define(
    "NOT_LISTED", 422, "The guarantee does not list such a document, or it was used already."
)
NOT_PRESENTED = define(
    "NOT_PRESENTED", 422, "A discrepancy names something that the demand does not contain or lack."
)
PRECLUDED = define(
    "PRECLUDED", 409, "The guarantor examined this before without objecting and may not object now."
)
ALREADY_EXTENDED = define(
    "ALREADY_EXTENDED", 409, "The time was extended as often as the ledger accepts."
)
NOTHING_TO_RECOVER = define(
    "NOTHING_TO_RECOVER", 422, "Less of the passed claim is left than is to be recovered."
)

# Disputes
OVER_CLAIM = define("OVER_CLAIM", 422, "More is awarded or held than was claimed.")
CONFLICT_OF_INTEREST = define(
    "CONFLICT_OF_INTEREST", 403, "The party has an interest in the matter and may not decide it."
)
ALREADY_DISPUTED = define("ALREADY_DISPUTED", 409, "A dispute between them about this is open.")
UNKNOWN_ORDER = define(
    "UNKNOWN_ORDER", 422, "The tribunal cannot order this about the subject of the dispute."
)

# Evidence and barter
BAD_DOCUMENT = define(
    "BAD_DOCUMENT",
    422,
    "A document's signature does not verify or is by none of its issuer's keys.",
)
OTHER_TERMS = define("OTHER_TERMS", 409, "The hash is not that of the terms that are offered.")
OVER_OPEN_CLAIM = define(
    "OVER_OPEN_CLAIM", 422, "More goods value is asked than the claim has open and not yet called."
)
OVER_SCHEDULE = define(
    "OVER_SCHEDULE", 422, "More is shipped or called than the contract's schedule provides."
)
OVER_LOT = define("OVER_LOT", 422, "The quantity is more than the lot has left to decide on.")
VALUE_ROUNDS_TO_ZERO = define(
    "VALUE_ROUNDS_TO_ZERO", 422, "The quantity is worth less than one minor unit at its price."
)
TOO_EARLY = define("TOO_EARLY", 409, "The event is not possible before a date that is still ahead.")
ALREADY_DECIDED = define("ALREADY_DECIDED", 409, "The party has given its decision on this.")
NOT_ASSIGNABLE = define("NOT_ASSIGNABLE", 422, "The contract's terms exclude the assignment.")
OVER_CHAIN = define("OVER_CHAIN", 422, "The chain has as many contracts as the ledger accepts.")
FROZEN_BY_DISPUTE = define(
    "FROZEN_BY_DISPUTE", 409, "A dispute about the contract is open, which freezes this."
)

# Conduct, leaving, governance
NOT_OFF_PROGRAMME = define(
    "NOT_OFF_PROGRAMME", 422, "The member's quarters do not justify the finding."
)
STATE_WITHDRAWS = define(
    "STATE_WITHDRAWS", 409, "The state withdraws from the ledger and vouches for nothing new."
)
OPERATION_PAUSED = define(
    "OPERATION_PAUSED", 503, "An emergency decision has paused this class of operations."
)
UNSAFE_CHANGE = define(
    "UNSAFE_CHANGE", 422, "The change would break a rule that must hold at all times."
)

# Validators
ALREADY_REPORTED = define(
    "ALREADY_REPORTED", 409, "The ledger holds proof of a fault of this vote key already."
)

# Joint fund
OVER_FUND = define(
    "OVER_FUND", 422, "The application asks for more than it may take of the fund's free money."
)

# Market
NO_MATCH = define("NO_MATCH", 422, "The two entries of the market do not fit together.")
OVER_ENTRY = define("OVER_ENTRY", 422, "The quantity is more than the entry has open.")
OVER_BOOK = define(
    "OVER_BOOK", 422, "The book has, or a party has in it, as many entries as the ledger accepts."
)
BOOK_CHANGED = define("BOOK_CHANGED", 409, "The book is not the one that the plan was made for.")
NOT_OPTIMAL = define(
    "NOT_OPTIMAL", 422, "The plan's certificate does not prove that no cheaper plan exists."
)
NO_CYCLE = define("NO_CYCLE", 422, "The legs form no balanced cycle of different parties.")

# Confidential annexes
WEAK_KEY = define(
    "WEAK_KEY", 422, "The encryption key is of small order, not canonical, or a signing key."
)
NO_ENCRYPTION_KEY = define(
    "NO_ENCRYPTION_KEY", 409, "The recipient has registered no encryption key, or another one."
)
NOT_A_RECIPIENT = define(
    "NOT_A_RECIPIENT", 403, "Only parties, their guarantors, auditors and the tribunal may read it."
)
ALREADY_SEALED = define("ALREADY_SEALED", 409, "An annex of this commitment is on the ledger.")
ALREADY_GRANTED = define("ALREADY_GRANTED", 409, "The recipient holds this annex's key already.")
ANNEX_TOO_LARGE = define("ANNEX_TOO_LARGE", 422, "The annex is larger than the ledger accepts.")
