"""Signing policies: which of a party's keys, together, may approve what.

A :class:`Keyring` holds a party's named keys and the rules of its signing policy. A rule covers one
class of operations up to an amount; the party approves an operation when one of the rules that
cover it has all the signatures it asks for. Rules for ``"*"`` cover every class that has no rule of
its own, so a stricter rule for one class is never bypassed by a general one.

Pure functions, used by ``contracts`` for admission and by wallets to say who must still sign.

>>> key = Key("director", "director", bytes(32), 0, 10)
>>> keyring = Keyring((key,), (Rule("*", (Requirement("director", 1),)),))
>>> evaluate(keyring, "payment", 500, {bytes(32)}, 5).operation_class
'*'
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Annotated

import msgspec

from ledger import limits
from ledger.codec import Amount, PublicKey, Struct, Uint
from ledger.errors import (
    BAD_POLICY,
    KEY_EXPIRED,
    KEY_FROZEN,
    MISSING_SIGNATURES,
    NO_POLICY_RULE,
    OVER_DAILY_LIMIT,
    OVER_POLICY_LIMIT,
    CodedError,
)
from ledger.keys import require_valid_public_key

ANY = "*"
"""Any class of operations, or any role."""

MAX_KEYS = limits.MAX_SIGNATURES
MAX_RULES = 32


class KeyStatus(StrEnum):
    """Whether a registered key may sign. A frozen key never signs again."""

    ACTIVE = "active"
    FROZEN = "frozen"


class Key(Struct):
    """A named key. It signs at block times (ms) with ``valid_from <= time < expires``."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=32, description="Its name.")]
    role: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=32, description="Its holder's role in the policy."),
    ]
    public_key: Annotated[PublicKey, msgspec.Meta(description="Ed25519 public key, 32 bytes.")]
    valid_from: Annotated[
        Uint, msgspec.Meta(description="When it starts to sign.", extra={"kind": "instant"})
    ]
    expires: Annotated[
        Uint, msgspec.Meta(description="When it stops signing.", extra={"kind": "instant"})
    ]
    status: KeyStatus = KeyStatus.ACTIVE

    def usable(self, time: int) -> bool:
        """Whether the key may sign at a block time."""
        return self.status is KeyStatus.ACTIVE and self.valid_from <= time < self.expires


class Requirement(Struct):
    """So many signatures by distinct keys of a role (``"*"`` for any role)."""

    role: Annotated[
        str, msgspec.Meta(min_length=1, max_length=32, description="Role, or * for any.")
    ]
    count: Annotated[
        int, msgspec.Meta(ge=1, le=limits.MAX_SIGNATURES, description="How many distinct keys.")
    ]


class Rule(Struct):
    """What approves one class of operations up to an amount.

    A signature counts towards each requirement whose role it fits: one director and two of any
    role means two signatures, one of them a director's.
    """

    operation_class: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=32,
            description="The class, or * for every class without a rule of its own.",
        ),
    ]
    required: Annotated[
        tuple[Requirement, ...],
        msgspec.Meta(min_length=1, max_length=8, description="All of these together."),
    ]
    max_amount: Annotated[
        Amount | None,
        msgspec.Meta(
            description="Largest amount of one transaction; none: any.", extra={"kind": "amount"}
        ),
    ] = None
    daily_limit: Annotated[
        Amount | None,
        msgspec.Meta(
            description="Largest sum in one day (UTC); none: any.", extra={"kind": "amount"}
        ),
    ] = None


class Keyring(Struct, tag=1):
    """A party's keys and its signing policy."""

    keys: tuple[Key, ...]
    rules: tuple[Rule, ...]

    def find(self, public_key: bytes) -> Key | None:
        """The entry of a public key."""
        for key in self.keys:
            if key.public_key == public_key:
                return key
        return None

    def named(self, name: str) -> Key | None:
        """The entry of a name."""
        for key in self.keys:
            if key.name == name:
                return key
        return None


def single_key(public_key: bytes, *, expires: int, role: str = "director") -> Keyring:
    """The simplest keyring: one key that approves everything."""
    return Keyring(
        (Key(role, role, public_key, 0, expires),), (Rule(ANY, (Requirement(role, 1),)),)
    )


def rules_for(keyring: Keyring, operation_class: str) -> tuple[Rule, ...]:
    """The rules that cover a class: its own, or those for ``"*"`` if it has none."""
    rules = keyring.rules
    if len(rules) == 1 and rules[0].operation_class == ANY:
        return rules
    own = tuple(rule for rule in rules if rule.operation_class == operation_class)
    return own or tuple(rule for rule in rules if rule.operation_class == ANY)


def evaluate(
    keyring: Keyring,
    operation_class: str,
    amount: int | None,
    signers: Collection[bytes],
    time: int,
    *,
    spent: int = 0,
) -> Rule:
    """The first rule that approves an operation.

    ``amount`` is in minor units (None for operations that move no value), ``signers`` are public
    keys whose signatures verified (those of other parties are ignored), ``time`` is block time in
    ms, and ``spent`` is what rules with a daily limit have already approved today in this class.

    Raises ``KEY_FROZEN`` or ``KEY_EXPIRED`` for a signature that cannot count,
    ``NO_POLICY_RULE``, ``OVER_POLICY_LIMIT``, ``OVER_DAILY_LIMIT``, or ``MISSING_SIGNATURES``,
    which names what is missing.
    """
    roles = []
    for key in keyring.keys:
        if key.public_key in signers:
            if key.status is not KeyStatus.ACTIVE or not key.valid_from <= time < key.expires:
                raise _unusable(key, time)
            roles.append(key.role)
    covering = rules_for(keyring, operation_class)
    if not covering:
        raise CodedError(
            NO_POLICY_RULE, f"the signing policy has no rule for {operation_class!r} operations"
        )
    value = amount or 0
    over_day: Rule | None = None
    for rule in covering:
        if rule.max_amount is not None and value > rule.max_amount:
            continue
        if not _satisfied(rule, roles):
            continue
        if rule.daily_limit is None or spent + value <= rule.daily_limit:
            return rule
        over_day = over_day or rule
    raise _refusal(covering, operation_class, value, roles, over_day, spent)


def _unusable(key: Key, time: int) -> CodedError:
    if key.status is not KeyStatus.ACTIVE:
        return CodedError(KEY_FROZEN, f"the key {key.name!r} is {key.status.value} and cannot sign")
    return CodedError(
        KEY_EXPIRED,
        f"the key {key.name!r} signs from {key.valid_from} until before {key.expires}, "
        f"block time is {time}",
    )


def _satisfied(rule: Rule, roles: list[str]) -> bool:
    for need in rule.required:
        have = len(roles) if need.role == ANY else roles.count(need.role)
        if have < need.count:
            return False
    return True


def _missing(need: Requirement, roles: list[str]) -> int:
    have = len(roles) if need.role == ANY else roles.count(need.role)
    return max(0, need.count - have)


def _refusal(
    covering: tuple[Rule, ...],
    operation_class: str,
    value: int,
    roles: list[str],
    over_day: Rule | None,
    spent: int,
) -> CodedError:
    within = [r for r in covering if r.max_amount is None or value <= r.max_amount]
    if not within:
        most = max(r.max_amount or 0 for r in covering)
        return CodedError(
            OVER_POLICY_LIMIT,
            f"{value} is over the signing policy's largest amount for {operation_class!r}, {most}",
        )
    if over_day is not None:
        return CodedError(
            OVER_DAILY_LIMIT,
            f"these signatures approve {over_day.daily_limit} a day for {operation_class!r}; "
            f"{spent} is used and this adds {value}",
        )
    ways = [
        " and ".join(
            f"{_missing(need, roles)} more of {_role_words(need.role)}"
            for need in rule.required
            if _missing(need, roles)
        )
        for rule in within
    ]
    return CodedError(MISSING_SIGNATURES, "signatures are missing: " + ", or ".join(ways))


def _role_words(role: str) -> str:
    return "any role" if role == ANY else f"role {role!r}"


def check_keyring(keyring: Keyring, field: str) -> None:
    """Raise ``BAD_POLICY`` or ``BAD_KEY`` unless a keyring can be registered.

    Names and public keys are distinct, keys are valid points with a period of validity, and every
    rule can be satisfied by active keys (so a party cannot lock itself out by mistake).
    """
    if not 1 <= len(keyring.keys) <= MAX_KEYS:
        raise _bad(f"a keyring holds 1 to {MAX_KEYS} keys", f"{field}.keys")
    if not 1 <= len(keyring.rules) <= MAX_RULES:
        raise _bad(f"a signing policy has 1 to {MAX_RULES} rules", f"{field}.rules")
    seen: set[bytes] = set()
    names: set[str] = set()
    for index, key in enumerate(keyring.keys):
        where = f"{field}.keys[{index}]"
        require_valid_public_key(key.public_key, f"{where}.public_key")
        if key.public_key in seen:
            raise _bad("each public key stands in a keyring once", f"{where}.public_key")
        seen.add(key.public_key)
        if key.valid_from >= key.expires:
            raise _bad("a key expires after it becomes valid", f"{where}.expires")
        if ANY in (key.role, key.name):
            raise _bad("* is no name for a key or role", where)
        if key.name in names:
            raise _bad(f"the key name {key.name!r} is used twice", f"{where}.name")
        names.add(key.name)
    _check_rules(keyring, field)


def _check_rules(keyring: Keyring, field: str) -> None:
    active = [key.role for key in keyring.keys if key.status is KeyStatus.ACTIVE]
    for index, rule in enumerate(keyring.rules):
        for need in rule.required:
            if _missing(need, active):
                raise _bad(
                    f"the rule needs {need.count} keys of role {need.role!r}, the keyring has "
                    f"{len(active) if need.role == ANY else active.count(need.role)} active",
                    f"{field}.rules[{index}].required",
                )


def _bad(sentence: str, where: str) -> CodedError:
    return CodedError(BAD_POLICY, sentence, field=where)
