"""The parties of a scenario: their demo keys, signing policies, and the ledger that they start.

Demo keys are derived from the scenario's public seed, so anybody can have them. They are for
demonstrations only, and every keystore made from them says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from cli.scenario.file import Enterprise, Institution, Official, Scenario, bad
from contracts.framework.calendar import MS_PER_DAY, Calendar
from contracts.framework.forms import from_named, from_text
from contracts.framework.parameters import parameters_structure
from contracts.framework.party import OF_A_STATE, Office, PartyKind, Profile, Role
from contracts.genesis import ApplicationGenesis, GenesisParty, application_genesis
from ledger.codec import Struct
from ledger.keys import PrivateKey
from ledger.policy import Key, Rule

INSTITUTION = "institution"
ENTERPRISE = "enterprise"
KEY_DAYS = 700

_CALENDAR_DAYS = 3_650


class Player(NamedTuple):
    """A party of the scenario. ``kind`` chooses its keys and policy; ``keys`` are by name."""

    id: str
    lei: str
    name: str
    kind: str
    country: str
    keys: Mapping[str, PrivateKey]


class Cast:
    """Everybody in a scenario, by id."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.players: dict[str, Player] = {}
        for state in scenario.states:
            self._add(state.guarantor, INSTITUTION, state.country)
            self._add(state.issuer, INSTITUTION, state.country)
        self._add(scenario.registrar, INSTITUTION, scenario.registrar.country)
        self._add(scenario.tribunal, INSTITUTION, scenario.tribunal.country)
        for official in scenario.officials:
            self._add(official, INSTITUTION, official.country)
        for enterprise in scenario.enterprises:
            self._add(enterprise, ENTERPRISE, enterprise.home or enterprise.country)

    def player(self, identity: str) -> Player:
        """The player of an id; raises ``BAD_SCENARIO``."""
        found = self.players.get(identity)
        if found is None:
            raise bad(f"no party has the id {identity!r}")
        return found

    def key(self, reference: str, by: str = "") -> PrivateKey:
        """The key ``party/name``, or ``name`` of the party ``by``."""
        party, slash, name = reference.rpartition("/")
        player = self.player(party if slash else by)
        return player.keys.get(name) or self.derive(player.id, name)

    def derive(self, party: str, name: str) -> PrivateKey:
        """The demo key of a party and name."""
        text = f"{self.scenario.seed}\0{party}\0{name}"
        return PrivateKey(hashlib.sha256(text.encode()).digest())

    def names(self) -> dict[str, str]:
        """Registered names by LEI."""
        return {player.lei: player.name for player in self.players.values()}

    def keys_of(self, identity: str, now: int, suffix: str = "") -> list[dict[str, Any]]:
        """A party's keys in the JSON form of operations; ``suffix`` makes other keys."""
        player = self.player(identity)
        return [
            {
                "name": entry.name,
                "role": entry.role,
                "public_key": self.derive(identity, entry.name + suffix).public.hex(),
                "valid_from": 0,
                "expires": now + KEY_DAYS * MS_PER_DAY,
            }
            for entry in self.scenario.keys[player.kind]
        ]

    def rules_of(self, kind: str) -> list[dict[str, Any]]:
        """The signing policy of a kind of party, as the scenario writes it."""
        return [dict(rule) for rule in self.scenario.policies[kind]]

    def _add(self, entry: Institution | Official | Enterprise, kind: str, country: str) -> None:
        keys = {k.name: self.derive(entry.id, k.name) for k in self.scenario.keys[kind]}
        self.players[entry.id] = Player(entry.id, entry.lei, entry.name, kind, country, keys)


def application(cast: Cast, now: int) -> ApplicationGenesis:
    """The genesis of the scenario's ledger: states and institutions, no enterprise, no money."""
    scenario = cast.scenario
    parties = []
    for state in scenario.states:
        guarantor = Office(Role.GUARANTOR, state.country)
        issuer = Office(Role.ISSUER, state.country)
        parties.append(_institution(cast, state.guarantor.id, guarantor, now))
        parties.append(_institution(cast, state.issuer.id, issuer, now))
    parties.append(_institution(cast, scenario.registrar.id, Office(Role.REGISTRAR), now))
    parties.append(_institution(cast, scenario.tribunal.id, Office(Role.TRIBUNAL), now))
    for official in scenario.officials:
        role = Role(official.office)
        office = Office(role, official.country if role in OF_A_STATE else "")
        parties.append(_institution(cast, official.id, office, now))
    first = now // MS_PER_DAY
    calendar = Calendar(f"{scenario.name}-1", (5, 6), (), first + _CALENDAR_DAYS)
    return application_genesis(calendar, tuple(parties), *_parameters(scenario))


def _parameters(scenario: Scenario) -> list[Struct]:
    found = []
    for name, values in scenario.parameters.items():
        kind = parameters_structure(f"{name}.Parameters")
        if kind is None:
            raise bad(f"no capability {name!r} has parameters", "parameters")
        found.append(from_text(kind, values))
    return found


def _institution(cast: Cast, identity: str, office: Office, now: int) -> GenesisParty:
    player = cast.player(identity)
    return GenesisParty(
        player.lei,
        Profile(player.name, PartyKind.INSTITUTION, player.country, player.country),
        (office,),
        tuple(from_named(Key, key) for key in cast.keys_of(identity, now)),
        tuple(from_text(Rule, rule) for rule in cast.rules_of(player.kind)),
    )
