"""From acts to transactions: loops are unrolled, names become LEIs, ids, keys, digests and times.

A loop's list is one of the scenario's, or ``1..6``, which counts. In a value, ``{x}`` and ``{x.y}``
are replaced from the loop's members; a value that is nothing but one such word may be a whole list
or group. After that, by the kind of its field,

- a party is written by its id,
- an object as ``@NAME``, where an earlier step said ``save = "NAME"``,
- a digest as ``text:…``, of which it is the SHA-256,
- a public key as ``key:PARTY/NAME``,
- a time as ``+3s``, ``+10m`` or ``+30d`` after the act begins.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cli.scenario.cast import ENTERPRISE, Cast
from cli.scenario.file import Act, Enterprise, Step, amount_of, bad, line_of
from contracts.framework.fields import Field, fields_of
from contracts.framework.forms import format_amount, from_text
from contracts.framework.operation import Operation, declaration_named
from contracts.framework.types import Kind
from ledger.codec import Struct
from ledger.keys import PrivateKey

_WORD = re.compile(r"\{([a-z_]+(?:\.[a-z_]+)*)\}")
_AFTER = re.compile(r"\+(\d{1,6})(s|m|h|d)")
_COUNT = re.compile(r"(\d{1,4})\.\.(\d{1,4})")
_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

Env = Mapping[str, Any]


class Order(NamedTuple):
    """A transaction to be sent: author's id and LEI, operations, signing keys.

    ``save`` and ``expect`` are the step's.
    """

    by: str
    lei: str
    operations: tuple[Operation, ...]
    keys: tuple[PrivateKey, ...]
    reference: str
    save: str
    expect: str


class Script:
    """Turns acts into orders. ``objects`` are ids that earlier steps saved, by their names."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self.objects: dict[str, bytes] = {}

    def orders(self, act: Act, now: int) -> list[Order]:
        """The transactions of an act that begins at ``now`` (ms); raises ``BAD_SCENARIO``."""
        found = []
        for step in act.steps:
            for env in self._unrolled(step, now):
                found.append(self._order(step, env, now, act.title))
        return found

    def _unrolled(self, step: Step, now: int) -> Iterator[Env]:
        names = list(step.loop)
        members = [self._members(step.loop[name], now) for name in names]
        for chosen in itertools.product(*members):
            if not any(member.get("id") in step.without for member in chosen):
                yield dict(zip(names, chosen, strict=True))

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

    def _order(self, step: Step, env: Env, now: int, title: str) -> Order:
        by = str(_fill(step.by, env))
        entries = step.ops or ({"op": step.op, **step.fields},)
        operations = []
        for entry in entries:
            fields = {name: _fill(value, env) for name, value in entry.items() if name != "op"}
            kind = declaration_named(str(entry.get("op", ""))).kind
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
            step.expect,
        )

    def _typed(self, kind: type[Struct], fields: Mapping[str, Any], now: int) -> dict[str, Any]:
        known = {field.name: field for field in fields_of(kind)}
        return {
            name: self._field(known[name], value, now) if name in known else value
            for name, value in fields.items()
        }

    def _field(self, field: Field, value: Any, now: int) -> Any:
        if field.many is not None and isinstance(value, list | tuple):
            return [self._value(field, item, now) for item in value]
        return self._value(field, value, now)

    def _value(self, field: Field, value: Any, now: int) -> Any:
        if field.group is not None and isinstance(value, Mapping):
            return self._typed(field.group, value, now)
        if not isinstance(value, str):
            return value
        if field.kind is Kind.PARTY and value in self._cast.players:
            return self._cast.player(value).lei
        if field.kind is Kind.OBJECT and value.startswith("@"):
            found = self.objects.get(value[1:])
            if found is None:
                raise bad(f"nothing was saved as {value[1:]!r} before")
            return found.hex()
        if field.kind is Kind.DIGEST and value.startswith("text:"):
            return hashlib.sha256(value.removeprefix("text:").encode()).hexdigest()
        if value.startswith("key:"):
            return self._cast.key(value.removeprefix("key:")).public.hex()
        after = _AFTER.fullmatch(value) if field.kind is Kind.INSTANT else None
        return value if after is None else now + int(after[1]) * _MS[after[2]]


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
        return _look_up(whole[1], env)
    return _WORD.sub(lambda match: str(_look_up(match[1], env)), value)


def _look_up(path: str, env: Env) -> Any:
    found: Any = env
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            raise bad(f"{{{path}}} stands for nothing here")
        found = found[name]
    return found
