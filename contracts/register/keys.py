"""Keyrings: how keys enter, change and leave, and who is warned before they expire."""

from __future__ import annotations

from typing import Final

from msgspec import structs

from contracts.errors import KEY_IN_USE, KEY_NAME_TAKEN, UNKNOWN_KEY, UNKNOWN_PARTY
from contracts.framework.calendar import MS_PER_DAY, MS_PER_HOUR
from contracts.framework.context import Context
from contracts.framework.party import KEYRING, Right
from contracts.framework.schedule import deadline
from contracts.register.events import (
    KeyExpired,
    KeyExpiring,
    KeyFrozen,
    KeyRegistered,
    KeyRevoked,
)
from contracts.register.records import KEY_OWNER, KeyOwner, RegisterParameters
from ledger.errors import BAD_POLICY, CodedError
from ledger.policy import Key, Keyring, KeyStatus, Rule, check_keyring

WARNING: Final = "register.key-warning"
EXPIRY: Final = "register.key-expiry"


def keyring_of(ctx: Context, lei: str) -> Keyring:
    """A party's keyring; raises ``UNKNOWN_PARTY``."""
    keyring = ctx.get(KEYRING, lei)
    if keyring is None:
        raise CodedError(UNKNOWN_PARTY, f"{lei} has no keys in the register")
    return keyring


def key_named(keyring: Keyring, name: str, *, field: str) -> Key:
    """The key of a name that is not revoked; raises ``UNKNOWN_KEY``."""
    key = keyring.named(name)
    if key is None:
        raise CodedError(UNKNOWN_KEY, f"the keyring has no key {name!r}", field=field)
    return key


def install(ctx: Context, lei: str, keys: tuple[Key, ...], rules: tuple[Rule, ...]) -> None:
    """Give a party its first keyring, or a new one in place of the old.

    Raises ``BAD_POLICY``, ``BAD_KEY`` or ``KEY_IN_USE``.
    """
    check_keyring(Keyring(keys, rules), "keyring")
    for index, key in enumerate(keys):
        reserve(ctx, lei, key, field=f"keys[{index}]")
    install_reserved(ctx, lei, keys, rules)


def install_reserved(
    ctx: Context, lei: str, keys: tuple[Key, ...], rules: tuple[Rule, ...]
) -> None:
    """Put a keyring in place whose keys were checked and reserved before."""
    old = ctx.get(KEYRING, lei)
    for key in old.keys if old is not None else ():
        ctx.emit(KeyRevoked(lei, key.name, key.public_key))
    for key in keys:
        ctx.emit(KeyRegistered(lei, key.name, key.public_key, key.expires))
    ctx.put(KEYRING, Keyring(keys, rules), lei)


def reserve(ctx: Context, lei: str, key: Key, *, field: str) -> None:
    """Make a public key a party's for ever, and plan the warnings before it expires.

    The key must be new, except that a party that applies again may keep the keys it has. Raises
    ``BAD_POLICY`` or ``KEY_IN_USE``.
    """
    params = ctx.params(RegisterParameters)
    if key.status is not KeyStatus.ACTIVE:
        raise CodedError(BAD_POLICY, "a new key is active", field=f"{field}.status")
    earliest = ctx.time + params.recovery_hours * MS_PER_HOUR
    latest = ctx.time + params.key_days * MS_PER_DAY
    if not earliest < key.expires <= latest:
        raise CodedError(
            BAD_POLICY,
            f"the key expires after {earliest} and at {latest} at the latest",
            field=f"{field}.expires",
        )
    owner = ctx.get(KEY_OWNER, key.public_key)
    if owner is not None and not _keeps(ctx, owner, lei, key):
        raise CodedError(
            KEY_IN_USE, "the public key was registered before", field=f"{field}.public_key"
        )
    ctx.put(KEY_OWNER, KeyOwner(lei), key.public_key)
    for days in sorted({params.first_warning_days, params.last_warning_days}):
        warn_at = key.expires - days * MS_PER_DAY
        if warn_at > ctx.time:
            ctx.schedule(warn_at, WARNING, lei, key.public_key)
    ctx.schedule(key.expires - 1, EXPIRY, lei, key.public_key)


def _keeps(ctx: Context, owner: KeyOwner, lei: str, key: Key) -> bool:
    """Whether a party without rights registers a key that is in its keyring already."""
    if owner.lei != lei or ctx.party(lei).may(Right.MANAGE):
        return False
    held = keyring_of(ctx, lei).find(key.public_key)
    return held is not None and held.status is KeyStatus.ACTIVE


def add_key(ctx: Context, lei: str, key: Key) -> None:
    """Add a key; raises ``KEY_NAME_TAKEN``, ``KEY_IN_USE``, ``BAD_POLICY`` or ``BAD_KEY``."""
    keyring = keyring_of(ctx, lei)
    if keyring.named(key.name) is not None:
        raise CodedError(KEY_NAME_TAKEN, f"the keyring has a key {key.name!r}", field="key.name")
    reserve(ctx, lei, key, field="key")
    ctx.emit(KeyRegistered(lei, key.name, key.public_key, key.expires))
    _store(ctx, lei, (*keyring.keys, key), keyring.rules)


def replace_key(ctx: Context, lei: str, old: Key, new: Key) -> None:
    """Put a new key in the place of another: same name and role, another public key."""
    keyring = keyring_of(ctx, lei)
    reserve(ctx, lei, new, field="public_key")
    ctx.emit(KeyRevoked(lei, old.name, old.public_key))
    ctx.emit(KeyRegistered(lei, new.name, new.public_key, new.expires))
    _store(ctx, lei, tuple(new if k == old else k for k in keyring.keys), keyring.rules)


def revoke_key(ctx: Context, lei: str, name: str) -> None:
    """Remove a key; raises ``UNKNOWN_KEY``, or ``BAD_POLICY`` if the rules still need it."""
    keyring = keyring_of(ctx, lei)
    old = key_named(keyring, name, field="name")
    ctx.emit(KeyRevoked(lei, old.name, old.public_key))
    _store(ctx, lei, tuple(k for k in keyring.keys if k != old), keyring.rules)


def freeze_keys(ctx: Context, lei: str, names: tuple[str, ...]) -> None:
    """Freeze keys by name; raises ``UNKNOWN_KEY``.

    The rules need not be satisfiable afterwards: recovery remains.
    """
    keyring = keyring_of(ctx, lei)
    chosen = [key_named(keyring, name, field="names") for name in names]
    for key in chosen:
        ctx.emit(KeyFrozen(lei, key.name, key.public_key))
    keys = tuple(
        structs.replace(k, status=KeyStatus.FROZEN) if k in chosen else k for k in keyring.keys
    )
    ctx.put(KEYRING, Keyring(keys, keyring.rules), lei)


def set_rules(ctx: Context, lei: str, rules: tuple[Rule, ...]) -> None:
    """Give a party's signing policy other rules; raises ``BAD_POLICY``."""
    _store(ctx, lei, keyring_of(ctx, lei).keys, rules)


def _store(ctx: Context, lei: str, keys: tuple[Key, ...], rules: tuple[Rule, ...]) -> None:
    keyring = Keyring(keys, rules)
    check_keyring(keyring, "keyring")
    ctx.put(KEYRING, keyring, lei)


@deadline(WARNING)
def key_warning(ctx: Context, lei: str, public_key: bytes) -> None:
    """Warn that a key expires soon, if it is still in use."""
    key = keyring_of(ctx, lei).find(public_key)
    if key is not None and key.status is KeyStatus.ACTIVE:
        ctx.emit(KeyExpiring(lei, key.name, public_key, key.expires))


@deadline(EXPIRY)
def key_expiry(ctx: Context, lei: str, public_key: bytes) -> None:
    """Tell that a key has expired, if it was still in use."""
    key = keyring_of(ctx, lei).find(public_key)
    if key is not None and key.status is KeyStatus.ACTIVE:
        ctx.emit(KeyExpired(lei, key.name, public_key))
