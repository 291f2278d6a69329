"""Who may author an operation, and whose signatures a transaction needs.

An :class:`Actor` judges the author's standing and offices; a :class:`Signing` says how a party's
keys approve. The author and every cosigner approve by their own signing policies, and amounts of
several operations in one transaction add up before a policy weighs them, so that splitting does not
evade a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from contracts.errors import NOT_AUTHORISED, UNAUTHORISED_SIGNER, UNKNOWN_PARTY
from contracts.framework.calendar import day_of
from contracts.framework.party import KEYRING, PARTY, STANDINGS_WITH, Party, Right, Role
from ledger.codec import Struct, Uint
from ledger.errors import KEY_FROZEN, MISSING_SIGNATURES, CodedError
from ledger.limits import MAX_INT
from ledger.policy import Keyring, KeyStatus, evaluate
from ledger.state import Overlay, State, Table

if TYPE_CHECKING:
    from contracts.framework.operation import Declaration, Operation


@dataclass(frozen=True, slots=True)
class Actor:
    """Who may author an operation: in words, and a test of the author's register entry.

    The test gets None for an LEI that is not in the register, and answers ``""`` or why not.
    """

    words: str
    refusal: Callable[[Party | None], str]

    def __or__(self, other: Actor) -> Actor:
        """Either of two."""

        def refusal(party: Party | None) -> str:
            first = self.refusal(party)
            return first and other.refusal(party) and first

        return Actor(f"{self.words} or {other.words}", refusal)


def member(right: Right) -> Actor:
    """A party whose standing gives it a right."""
    standings = STANDINGS_WITH[right]

    def refusal(party: Party | None) -> str:
        if party is not None and party.state in standings:
            return ""
        if party is None:
            return "the author is not in the register"
        return f"the author is {party.state.value} and may not {right.value}"

    return Actor(f"a member that may {right.value}", refusal)


def holder_of(*roles: Role) -> Actor:
    """A party that holds one of some roles, of any state, and may exercise its offices."""
    words = " or ".join(role.value for role in roles)

    def refusal(party: Party | None) -> str:
        if party is None or not any(party.holds(role) for role in roles):
            return f"the author does not hold the role of {words}"
        if not party.may(Right.SERVE):
            return f"the author is {party.state.value} and may not {Right.SERVE.value}"
        return ""

    return Actor(f"the {words}", refusal)


def applicant() -> Actor:
    """Anybody with an LEI, whether in the register or not; the rule judges further."""
    return Actor("anybody with an LEI", lambda party: "")


@dataclass(frozen=True, slots=True)
class Signing:
    """How a party's keys approve an operation, where its signing policy does not decide.

    ``approve(keyring, op, signers, time)`` raises a coded error unless they do. ``keyring`` finds
    the keys for an author that has none in the register, and ``own(state, author)`` keys that an
    author has elsewhere in the state, for this operation alone.
    """

    words: str
    approve: Callable[[Keyring, Any, Collection[bytes], int], None] | None = None
    keyring: Callable[[Any], Keyring] | None = None
    own: Callable[[State, str], Keyring] | None = None

    @classmethod
    def by_key_of(cls, words: str, own: Callable[[State, str], Keyring]) -> Signing:
        """By any of the keys that ``own`` finds, and by no other key of the party."""
        return cls(words, by_any_key().approve, own=own)


def by_policy() -> Signing:
    """By the party's signing policy."""
    return Signing("by its signing policy")


def by_any_key() -> Signing:
    """By any one key that is registered and not frozen, expired or not."""

    def approve(keyring: Keyring, op: Any, signers: Collection[bytes], time: int) -> None:
        present = [key for key in keyring.keys if key.public_key in signers]
        if not present:
            raise CodedError(
                MISSING_SIGNATURES, "a signature by one of the party's keys is missing"
            )
        if not any(key.status is KeyStatus.ACTIVE for key in present):
            raise CodedError(KEY_FROZEN, "only frozen keys signed")

    return Signing("by any one of its keys", approve)


def by_role(role: str, count: int) -> Signing:
    """By so many distinct keys of a role that are not frozen, expired or not."""

    def approve(keyring: Keyring, op: Any, signers: Collection[bytes], time: int) -> None:
        present = sum(
            key.role == role and key.status is KeyStatus.ACTIVE and key.public_key in signers
            for key in keyring.keys
        )
        if present < count:
            raise CodedError(
                MISSING_SIGNATURES,
                f"{count} signatures by keys of role {role!r} are needed, {present} are present",
            )

    return Signing(f"by {count} of its keys of role {role!r}", approve)


class DailySpend(Struct, tag=1):
    """What a party's rules with a daily limit have approved on a day, in one class."""

    day: Uint
    amount: Uint


DAILY_SPEND: Final = Table("daily", DailySpend)
"""By LEI and class of operations; the entry of a new day replaces the old one."""

Grants = list[tuple[str, str, DailySpend]]
"""Daily spends to record if the transaction is applied: party, class, new entry."""


def authorise(
    state: State, time: int, author: str, ops: Sequence[Operation], signers: Collection[bytes]
) -> Grants:
    """Check that the author may act and that all who must have signed.

    ``signers`` are public keys whose signatures verified. Raises ``UNKNOWN_PARTY``,
    ``NOT_AUTHORISED``, ``UNAUTHORISED_SIGNER`` or an error of :func:`ledger.policy.evaluate`.
    """
    party = state.get(PARTY, author)
    keyring = state.get(KEYRING, author)
    if len(ops) == 1:
        found = ops[0].declaration
        if found.cosigners is None and found.proofs is None and found.signing.approve is None:
            _require_actor(found, party, author)
            if keyring is not None:
                _require_known(signers, (keyring,), ())
                return _approve(
                    state, time, author, keyring, found.policy,
                    found.amount(state, ops[0], author), signers,
                )  # fmt: skip
    return _authorise_all(state, time, author, party, keyring, ops, signers)


def _authorise_all(
    state: State,
    time: int,
    author: str,
    party: Party | None,
    keyring: Keyring | None,
    ops: Sequence[Operation],
    signers: Collection[bytes],
) -> Grants:
    keyrings: dict[str, Keyring] = {} if keyring is None else {author: keyring}
    demands: dict[tuple[str, str], int | None] = {}
    proofs: list[bytes] = []
    for op in ops:
        found = op.declaration
        _require_actor(found, party, author)
        signing = found.signing
        if signing.keyring is not None:
            keyrings[author] = signing.keyring(op)
        if signing.own is not None:
            keyrings[author] = signing.own(state, author)
        parties = found.cosigners(state, author, op) if found.cosigners is not None else ()
        for lei in parties:
            _demand(demands, lei, found, found.amount(state, op, lei))
        if signing.approve is None:
            _demand(demands, author, found, found.amount(state, op, author))
        else:
            signing.approve(_keyring(state, keyrings, author), op, signers, time)
        if found.proofs is not None:
            proofs.extend(found.proofs(op))
    for key in proofs:
        if key not in signers:
            raise CodedError(
                MISSING_SIGNATURES, f"the new key {key.hex()[:16]}… must sign, to prove it is held"
            )
    grants: Grants = []
    for (lei, policy), amount in demands.items():
        ring = _keyring(state, keyrings, lei)
        try:
            grants += _approve(state, time, lei, ring, policy, amount, signers)
        except CodedError as error:
            raise CodedError(error.code, f"{lei}: {error.message}", field=error.field) from None
    _require_known(signers, tuple(keyrings.values()), proofs)
    return grants


def _require_actor(found: Declaration, party: Party | None, author: str) -> None:
    refusal = found.by.refusal(party)
    if refusal:
        code = UNKNOWN_PARTY if party is None else NOT_AUTHORISED
        raise CodedError(code, f"{found.name}: {refusal}", field="author")


def _demand(
    demands: dict[tuple[str, str], int | None], lei: str, found: Declaration, amount: int | None
) -> None:
    before = demands.get((lei, found.policy))
    total = amount if before is None else before + (amount or 0)
    demands[lei, found.policy] = total if total is None else min(total, MAX_INT)


def _keyring(state: State, known: dict[str, Keyring], lei: str) -> Keyring:
    ring = known.get(lei) or state.get(KEYRING, lei)
    if ring is None:
        raise CodedError(UNKNOWN_PARTY, f"no party {lei} has keys in the register")
    known[lei] = ring
    return ring


def _approve(
    state: State,
    time: int,
    lei: str,
    keyring: Keyring,
    policy: str,
    amount: int | None,
    signers: Collection[bytes],
) -> Grants:
    spent = 0
    day = 0
    for one in keyring.rules:
        if one.daily_limit is not None:
            day = day_of(time)
            before = state.get(DAILY_SPEND, lei, policy)
            spent = before.amount if before is not None and before.day == day else 0
            break
    rule = evaluate(keyring, policy, amount, signers, time, spent=spent)
    if rule.daily_limit is None:
        return []
    return [(lei, policy, DailySpend(day, spent + (amount or 0)))]


def _require_known(
    signers: Collection[bytes], keyrings: Sequence[Keyring], proofs: Sequence[bytes]
) -> None:
    for signer in signers:
        if signer in proofs:
            continue
        for ring in keyrings:
            if ring.find(signer) is not None:
                break
        else:
            raise CodedError(
                UNAUTHORISED_SIGNER,
                f"the key {signer.hex()[:16]}… belongs to no party to this transaction",
                field="signatures",
            )


def record_grants(state: Overlay, grants: Grants) -> None:
    """Remember daily spends of an applied transaction."""
    for lei, policy, spend in grants:
        state.put(DAILY_SPEND, spend, lei, policy)
