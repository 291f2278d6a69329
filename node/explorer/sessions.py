"""Who looks: short sessions of key holders, opened by a signature and good for sight alone.

A page shows a code. The wallet fetches the challenge behind it, signs it with a key of its member's
keyring and hands the signature in; the browser that asked for the code is then logged in. A session
lasts :data:`SESSION_S`, belongs to one key of one party, and ends at once when the key may sign no
more. Nothing can be done with it but see more pages; decision 0019 says why.

Kept in memory only, and bounded: a node that restarts knows no sessions.
"""

from __future__ import annotations

import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from contracts.framework.party import KEYRING
from ledger import keys
from ledger.codec import encode
from ledger.errors import BAD_SIGNATURE, CodedError
from ledger.hashing import Tag, message
from ledger.state import State
from node.api.models import View as Answer
from node.errors import BAD_REQUEST, NO_SUCH_RESOURCE

CHALLENGE_S: Final = 300
SESSION_S: Final = 1_800
MOST: Final = 1_000
"""Challenges, and sessions, that are kept; the oldest give way."""

BROWSER_COOKIE: Final = "iic-browser"
SESSION_COOKIE: Final = "iic-session"
_LETTERS: Final = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
CODE_CHARS: Final = 10
_READER: Final = re.compile(r"[1-9][0-9]{0,4}/[A-Za-z0-9_-]{16,64}")


class Challenge(Answer):
    """What a wallet is asked to sign: ``nonce`` in hex, for a login at the node of this name."""

    height: int
    node: str
    chain_id: str
    nonce: str


class Login(Answer):
    """What a wallet hands in: party (an LEI), its public key and signature in hex.

    ``reader`` is where the wallet's own reader listens on the person's machine, as
    ``port/secret``; empty for none.
    """

    party: str
    key: str
    signature: str
    reader: str = ""


class LoggedIn(NamedTuple):
    """Who is logged in, with which key, and where its wallet reads annexes (empty: nowhere)."""

    party: str
    key: bytes
    name: str
    reader: str


@dataclass(slots=True)
class _Asked:
    browser: str
    nonce: bytes
    who: LoggedIn | None = None


T = TypeVar("T")


class _Kept(Generic[T]):
    """Values by secret, each for a time, at most :data:`MOST` of them."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._values: OrderedDict[str, tuple[float, T]] = OrderedDict()

    def put(self, secret: str, value: T) -> None:
        self._values[secret] = (self._clock() + self._seconds, value)
        while len(self._values) > MOST:
            self._values.popitem(last=False)

    def get(self, secret: str) -> T | None:
        found = self._values.get(secret)
        if found is None or found[0] <= self._clock():
            self._values.pop(secret, None)
            return None
        return found[1]

    def drop(self, secret: str) -> None:
        self._values.pop(secret, None)


class Sessions:
    """The challenges and sessions of one node."""

    def __init__(self, chain_id: bytes, clock: Callable[[], float] = time.monotonic) -> None:
        self._chain_id = chain_id
        self._asked: _Kept[_Asked] = _Kept(CHALLENGE_S, clock)
        self._codes: _Kept[str] = _Kept(CHALLENGE_S, clock)
        self._sessions: _Kept[LoggedIn] = _Kept(SESSION_S, clock)

    def ask(self, browser: str) -> tuple[str, str]:
        """The browser's secret (a new one if it has none) and the code that it shows."""
        code = self._codes.get(browser) if browser else None
        if code is None or self._asked.get(code) is None:
            browser = secrets.token_urlsafe(24)
            code = "".join(secrets.choice(_LETTERS) for _ in range(CODE_CHARS))
            self._asked.put(code, _Asked(browser, secrets.token_bytes(32)))
            self._codes.put(browser, code)
        return browser, code

    def challenge(self, code: str) -> bytes:
        """The nonce behind a code; raises ``NO_SUCH_RESOURCE``."""
        return self._open(code).nonce

    def _open(self, code: str) -> _Asked:
        asked = self._asked.get(code.upper())
        if asked is None or asked.who is not None:
            raise CodedError(NO_SUCH_RESOURCE, "there is no such login, or it was too long ago")
        return asked

    def sign(self, code: str, login: Login, state: State, time_ms: int) -> LoggedIn:
        """Accept a signature; raises ``NO_SUCH_RESOURCE``, ``BAD_REQUEST`` or ``BAD_SIGNATURE``."""
        asked = self._open(code)
        try:
            key, signature = bytes.fromhex(login.key), bytes.fromhex(login.signature)
        except ValueError:
            raise CodedError(BAD_REQUEST, "key and signature are hexadecimal") from None
        name = _usable(state, login.party, key, time_ms)
        if name is None:
            raise CodedError(
                BAD_REQUEST, "the key is no key of this party that may sign now", field="key"
            )
        signed = login_bytes(self._chain_id, asked.nonce, login.party, key)
        if not keys.verify(key, signed, signature):
            raise CodedError(BAD_SIGNATURE, "the signature does not verify", field="signature")
        if login.reader and not _READER.fullmatch(login.reader):
            raise CodedError(BAD_REQUEST, "a reader is port/secret", field="reader")
        asked.who = LoggedIn(login.party, key, name, login.reader)
        return asked.who

    def begin(self, browser: str) -> str | None:
        """The session's secret, once, when the browser's challenge was signed."""
        code = self._codes.get(browser) if browser else None
        asked = None if code is None else self._asked.get(code)
        if code is None or asked is None or asked.who is None or asked.browser != browser:
            return None
        self._codes.drop(browser)
        self._asked.drop(code)
        secret = secrets.token_urlsafe(32)
        self._sessions.put(secret, asked.who)
        return secret

    def who(self, secret: str, state: State, time_ms: int) -> LoggedIn | None:
        """Who is logged in, if the key may still sign."""
        found = self._sessions.get(secret) if secret else None
        if found is None or _usable(state, found.party, found.key, time_ms) is None:
            return None
        return found

    def end(self, secret: str) -> None:
        """Log out."""
        self._sessions.drop(secret)


def login_bytes(chain_id: bytes, nonce: bytes, party: str, key: bytes) -> bytes:
    """What a key signs to log in: a domain of its own, so it can never be anything else."""
    return message(Tag.LOGIN, chain_id, encode(("explorer", nonce, party, key)))


def _usable(state: State, party: str, key: bytes, time_ms: int) -> str | None:
    """The name of a key in its party's keyring if it may sign now; None if not."""
    try:
        keyring = state.get(KEYRING, party)
    except CodedError:
        return None
    known = () if keyring is None else keyring.keys
    return next((k.name for k in known if k.public_key == key and k.usable(time_ms)), None)
