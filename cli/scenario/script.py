"""From acts to transactions: loops are unrolled, names become LEIs, ids, keys, digests and times.

A loop's list is one of the scenario's, a list among its ``values``, or ``1..6``, which counts. In a
value, ``{x}`` and ``{x.y}`` are replaced from the loop's members and the scenario's ``values``; a
value that is nothing but one such word may be a whole list or group. After that, by the kind of its
field,

- a party is written by its id,
- an object or digest as ``@NAME``, where an earlier step saved it,
- a digest as ``text:…``, of which it is the SHA-256,
- a public key as ``key:PARTY/NAME``,
- a time as ``+3s``, ``+10m`` or ``+30d`` after the act begins, or ``start +30d`` after the first,
- a height as ``+3 blocks`` after the newest,
- evidence as its kind, its ``text``, and the key that signs it as ``by = "PARTY/NAME"``.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cli.scenario.cast import ENTERPRISE, Cast
from cli.scenario.confidential import Cabinet
from cli.scenario.file import Act, Enterprise, Step, amount_of, bad, line_of
from contracts.framework.evidence import DocumentKind, Evidence, evidence_message
from contracts.framework.fields import Field, fields_of
from contracts.framework.forms import format_amount, from_text
from contracts.framework.operation import Operation, declaration_named
from contracts.framework.types import Kind
from ledger.codec import Struct
from ledger.hashing import NO_CHAIN
from ledger.keys import PrivateKey
from ledger.state import KeyPart

_WORD = re.compile(r"\{([a-z_]+(?:\.[a-z_]+)*)\}")
_AFTER = re.compile(r"(start )?\+(\d{1,6})(s|m|h|d)")
_BLOCKS = re.compile(r"\+(\d{1,6}) blocks")
_COUNT = re.compile(r"(\d{1,4})\.\.(\d{1,4})")
_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

Env = Mapping[str, Any]
Clearing = Callable[[bytes], Sequence[Sequence[Operation]]]
"""The transactions that post a clearing of a netting cycle."""


class Now(NamedTuple):
    """When an act is played: wall clock in ms, and the ledger's newest height."""

    time: int
    height: int = 0


class Order(NamedTuple):
    """A transaction to be sent: author's id and LEI, operations, signing keys.

    ``save``, ``saves`` and ``expect`` are the step's.
    """

    by: str
    lei: str
    operations: tuple[Operation, ...]
    keys: tuple[PrivateKey, ...]
    reference: str
    save: str
    saves: Mapping[str, str]
    expect: str


class Script:
    """Turns acts into orders. ``objects`` are ids that earlier steps saved, by their names.

    ``cabinet`` keeps the confidential annexes that steps sealed, and
    ``clearing`` finds what steps post that clear a netting cycle.
    """

    def __init__(
        self, cast: Cast, chain_id: bytes = NO_CHAIN, clearing: Clearing | None = None
    ) -> None:
        self._cast = cast
        self._chain_id = chain_id
        self._clearing = clearing
        self._start = 0
        self.objects: dict[str, bytes] = {}
        self.cabinet = Cabinet(cast, chain_id)

    def orders(self, act: Act, now: Now) -> list[Order]:
        """The transactions of an act that begins ``now``; raises ``BAD_SCENARIO``."""
        self._start = self._start or now.time
        found: list[Order] = []
        for step in act.steps:
            for env in self._unrolled(step, now.time):
                found += self._step(step, env, now)
        return found

    def _unrolled(self, step: Step, now: int) -> Iterator[Env]:
        names = list(step.loop)
        members = [self._members(step.loop[name], now) for name in names]
        for chosen in itertools.product(*members):
            if not any(member.get("id") in step.without for member in chosen):
                yield {**self._cast.scenario.values, **dict(zip(names, chosen, strict=True))}

    def _members(self, name: str, now: int) -> list[dict[str, Any]]:
        scenario = self._cast.scenario
        if name == "trade":
            return [
                {
                    "number": str(number),
                    "seller": supply.seller,
                    "buyer": supply.buyer,
                    "hs": supply.hs,
                    "amount": format_amount(amount_of(scenario, supply)),
                    "goods": f"{supply.quantity} {line_of(scenario, supply).unit}, "
                    f"{line_of(scenario, supply).goods}",
                }
                for number, supply in enumerate(scenario.trade.supplies, start=101)
            ]
        if name == "states":
            return [
                {
                    "country": state.country,
                    "guarantor": state.guarantor.id,
                    "issuer": state.issuer.id,
                    "reserve": state.reserve,
                }
                for state in scenario.states
            ]
        count = _COUNT.fullmatch(name)
        if count is not None:
            return [{"n": str(n)} for n in range(int(count[1]), int(count[2]) + 1)]
        if name == "enterprises":
            identities = [e.id for e in scenario.enterprises]
        elif name == "guarantors":
            identities = [s.guarantor.id for s in scenario.states]
        elif isinstance(scenario.values.get(name), list):
            return [dict(member) for member in scenario.values[name]]
        elif name in scenario.lists:
            identities = list(scenario.lists[name])
        else:
            raise bad(f"there is no list {name!r}")
        return [self._member(identity, now) for identity in identities]

    def _member(self, identity: str, now: int) -> dict[str, Any]:
        player = self._cast.player(identity)
        state = next(s for s in self._cast.scenario.states if s.country == player.country)
        member: dict[str, Any] = {
            "id": player.id,
            "lei": player.lei,
            "name": player.name,
            "country": player.country,
            "guarantor": state.guarantor.id,
            "issuer": state.issuer.id,
        }
        if player.kind == ENTERPRISE:
            enterprise = self._cast.scenario.enterprise(identity)
            member |= {
                "profile": _profile(enterprise),
                "keys": self._cast.keys_of(identity, now),
                "new_keys": self._cast.keys_of(identity, now, "-2"),
                "rules": self._cast.rules_of(player.kind),
                "funding": enterprise.funding,
            }
        return member

    def _step(self, step: Step, env: Env, now: Now) -> Iterator[Order]:
        order = self._order(step, env, now)
        if not step.clear:
            yield order
        elif self._clearing is not None:
            for operations in self._clearing(self.saved(step.clear)):
                yield order._replace(operations=tuple(operations))

    def _order(self, step: Step, env: Env, now: Now) -> Order:
        by = str(_fill(step.by, env))
        entries = step.ops or (() if step.clear else ({"op": step.op, **step.fields},))
        operations = []
        for entry in entries:
            fields = {name: _fill(value, env) for name, value in entry.items() if name != "op"}
            kind = declaration_named(str(entry.get("op", ""))).kind
            fields = self.cabinet.fields(str(entry["op"]), fields)
            operations.append(from_text(kind, self._typed(kind, fields, now)))
        names = [str(_fill(name, env)) for name in step.sign]
        if not names:
            names = ["director"]
        return Order(
            by,
            self._cast.player(by).lei,
            tuple(operations),
            tuple(self._cast.key(name, by) for name in names),
            str(_fill(step.ref, env)),
            str(_fill(step.save, env)),
            {str(_fill(name, env)): path for name, path in step.saves.items()},
            step.expect,
        )

    def saved(self, name: str) -> bytes:
        """What an earlier step saved; raises ``BAD_SCENARIO`` if none did."""
        found = self.objects.get(name)
        if found is None:
            raise bad(f"nothing was saved as {name!r} before")
        return found

    def key_part(self, text: str) -> KeyPart:
        """A part of a record's key: a saved object as ``@NAME``, a number, or a party's id."""
        if text.startswith("@"):
            return self.saved(text[1:])
        return int(text) if text.isdigit() else self._cast.player(text).lei

    def _evidence(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A document as its issuer signs it: ``kind``, ``by`` (party/key) and ``text``."""
        kind = DocumentKind(str(fields["kind"]))
        content = hashlib.sha256(str(fields["text"]).encode()).digest()
        by = str(fields["by"])
        issuer, key = self._cast.player(by.partition("/")[0]).lei, self._cast.key(by)
        signature = key.sign(evidence_message(self._chain_id, kind, content, issuer))
        return {
            "kind": kind.value,
            "digest": content.hex(),
            "issuer": issuer,
            "key": key.public.hex(),
            "signature": signature.hex(),
        }

    def _typed(self, kind: type[Struct], fields: Mapping[str, Any], now: Now) -> dict[str, Any]:
        if kind is Evidence and "by" in fields:
            return self._evidence(fields)
        known = {field.name: field for field in fields_of(kind)}
        return {
            name: self._field(known[name], value, now) if name in known else value
            for name, value in fields.items()
        }

    def _field(self, field: Field, value: Any, now: Now) -> Any:
        if field.many is not None and isinstance(value, list | tuple):
            return [self._value(field, item, now) for item in value]
        return self._value(field, value, now)

    def _value(self, field: Field, value: Any, now: Now) -> Any:
        if field.group is not None and isinstance(value, Mapping):
            return self._typed(field.group, value, now)
        if not isinstance(value, str):
            return value
        if field.kind is Kind.PARTY and value in self._cast.players:
            return self._cast.player(value).lei
        if field.kind in {Kind.OBJECT, Kind.DIGEST} and value.startswith("@"):
            return self.saved(value[1:]).hex()
        if field.kind is Kind.DIGEST and value.startswith("text:"):
            return hashlib.sha256(value.removeprefix("text:").encode()).hexdigest()
        if value.startswith("key:"):
            return self._cast.key(value.removeprefix("key:")).public.hex()
        return self._counted(field.kind, value, now)

    def _counted(self, kind: Kind, text: str, now: Now) -> Any:
        """A time or height that is counted from now, or from the first act."""
        blocks = _BLOCKS.fullmatch(text) if kind is Kind.INTEGER else None
        if blocks is not None:
            return now.height + int(blocks[1])
        after = _AFTER.fullmatch(text) if kind is Kind.INSTANT else None
        if after is None:
            return text
        return (self._start if after[1] else now.time) + int(after[2]) * _MS[after[3]]


def _profile(enterprise: Enterprise) -> dict[str, Any]:
    lines = "\n".join(
        f"{line.hs} {line.quantity} {line.unit} {line.price} {line.goods}"
        for line in enterprise.programme
    )
    return {
        "name": enterprise.name,
        "kind": enterprise.kind,
        "country": enterprise.country,
        "home": enterprise.home or enterprise.country,
        "owners": [
            {"lei": o.lei, "country": o.country, "share": o.share} for o in enterprise.owners
        ],
        "sector": enterprise.sector,
        "programme": f"text:{lines}",
    }


def _fill(value: Any, env: Env) -> Any:
    """``value`` with every ``{word}`` replaced, at any depth."""
    if isinstance(value, Mapping):
        return {key: _fill(item, env) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_fill(item, env) for item in value]
    if not isinstance(value, str):
        return value
    whole = _WORD.fullmatch(value)
    if whole is not None:
        found = _look_up(whole[1], env)
        return found if isinstance(found, str) else _fill(found, env)
    return _WORD.sub(lambda match: str(_look_up(match[1], env)), value)


def _look_up(path: str, env: Env) -> Any:
    found: Any = env
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            raise bad(f"{{{path}}} stands for nothing here")
        found = found[name]
    return found
