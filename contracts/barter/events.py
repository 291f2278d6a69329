"""What barter tells."""

from __future__ import annotations

from contracts.barter.chain_records import ShiftState
from contracts.barter.lot_records import DefectState, LotState
from contracts.barter.records import ContractState
from contracts.barter.terms import Procedure, Side
from contracts.framework.event import Event
from contracts.framework.types import (
    Count,
    Country,
    Digest,
    HsCode,
    Instant,
    Lei,
    Money,
    MoneyOrNone,
    ObjectId,
    UnitCode,
)


class OfferMade(Event, tag="barter.OfferMade"):
    """A contract was offered; ``replaces`` is the offer that it counters."""

    contract: ObjectId
    proposer: Lei
    answerer: Lei
    terms_hash: Digest
    until: Instant
    replaces: ObjectId | None


class ContractMoved(Event, tag="barter.ContractMoved"):
    """A contract has another state."""

    contract: ObjectId
    supplier: Lei
    maker: Lei
    before: ContractState
    after: ContractState
    reason: str


class ReliefDecided(Event, tag="barter.ReliefDecided"):
    """Customs of a state decided on relief for a contract."""

    contract: ObjectId
    country: Country
    customs: Lei
    granted: bool
    decision: str


class ContractCovered(Event, tag="barter.ContractCovered"):
    """A guarantor stands behind a party's duties under a contract."""

    contract: ObjectId
    guarantee: ObjectId
    guarantor: Lei
    applicant: Lei
    beneficiary: Lei
    amount: Money


class LotMoved(Event, tag="barter.LotMoved"):
    """A lot was shipped or called off, or has another state."""

    contract: ObjectId
    lot: ObjectId
    side: Side
    item: Count
    quantity: Count
    shipper: Lei
    receiver: Lei
    after: LotState
    reason: str


class DocumentFiled(Event, tag="barter.DocumentFiled"):
    """A document was filed for a lot."""

    lot: ObjectId
    kind: str
    digest: Digest
    issuer: Lei


class LotSettled(Event, tag="barter.LotSettled"):
    """A quantity of a lot was accepted; ``deducted`` of its value went against customs' charge."""

    contract: ObjectId
    lot: ObjectId
    side: Side
    quantity: Count
    value: MoneyOrNone
    deducted: MoneyOrNone
    silent: bool


class PreferenceGranted(Event, tag="barter.PreferenceGranted"):
    """Customs relieved a lot of duty and tax; certificates are made from this."""

    contract: ObjectId
    lot: ObjectId
    country: Country
    customs: Lei
    decision: str
    declaration: str
    procedure: Procedure
    hs: HsCode
    unit: UnitCode
    quantity: Count
    value: MoneyOrNone
    shipper: Lei
    receiver: Lei


class ReliefRefused(Event, tag="barter.ReliefRefused"):
    """Customs refused relief for a lot and assessed a charge; ``borne`` is the shipper's part."""

    contract: ObjectId
    lot: ObjectId
    country: Country
    customs: Lei
    decision: str
    declaration: str
    charge: MoneyOrNone
    borne: MoneyOrNone


class ClaimAssigned(Event, tag="barter.ClaimAssigned"):
    """A claim has another holder, of which this is notice to the maker."""

    contract: ObjectId
    holder: Lei
    assignee: Lei
    maker: Lei
    amount: Money
    reason: str


class ClaimEnded(Event, tag="barter.ClaimEnded"):
    """Part of a claim ended otherwise than by delivery: topped up, converted or cancelled."""

    contract: ObjectId
    holder: Lei
    maker: Lei
    how: str
    amount: Money


class ClaimConverted(Event, tag="barter.ClaimConverted"):
    """Part of a claim became a receivable."""

    contract: ObjectId
    holder: Lei
    maker: Lei
    amount: Money
    debt: ObjectId


class QuantityWaived(Event, tag="barter.QuantityWaived"):
    """Both parties agreed that so much need not be shipped."""

    contract: ObjectId
    side: Side
    item: Count
    quantity: Count


class NoticeGiven(Event, tag="barter.NoticeGiven"):
    """The injured party gave notice; the other has the days of grace to perform."""

    contract: ObjectId
    injured: Lei
    late: Lei
    until: Instant
    reason: str


class DefectMoved(Event, tag="barter.DefectMoved"):
    """A hidden defect was notified, admitted or contested."""

    defect: ObjectId
    lot: ObjectId
    contract: ObjectId
    shipper: Lei
    receiver: Lei
    value: Money
    after: DefectState
    reason: str


class ChainOpened(Event, tag="barter.ChainOpened"):
    """A shared schedule was opened for a chain of contracts."""

    chain: ObjectId
    opener: Lei
    name: str


class ShiftMoved(Event, tag="barter.ShiftMoved"):
    """A shift of the shared schedule was proposed or decided."""

    shift: ObjectId
    chain: ObjectId
    step: Count
    to: Instant
    after: ShiftState
    parties: tuple[Lei, ...]
