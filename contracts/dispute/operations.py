"""What parties, mediators, arbitrators and the tribunal can do in a dispute."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta

from contracts.accounts import AVAIL, HELD, PAY, REC
from contracts.currency.events import DebtCreated, EscrowEnded, RequestChanged
from contracts.dispute.events import (
    ArbitrationRequested,
    ArbitratorAppointed,
    Awarded,
    AwardExtended,
    ClaimAnswered,
    DisputeEnded,
    DisputeOpened,
    MediationBegan,
    MediationEnded,
    MediationProposed,
    MoneyHeld,
    MoneyReleased,
    Ordered,
    Recused,
    RulingExecuted,
    SettlementProposed,
)
from contracts.dispute.records import CONTESTED, DISPUTE_TABLE, Ruling, Subject
from contracts.errors import (
    ALREADY_DECIDED,
    ALREADY_DISPUTED,
    BAD_DOCUMENT,
    CONFLICT_OF_INTEREST,
    DEADLINE_PASSED,
    INVALID_TERMS,
    NOT_AUTHORISED,
    NOT_ENTITLED,
    NOT_FOUND,
    OVER_CLAIM,
    UNKNOWN_ORDER,
    UNKNOWN_PARTY,
    WRONG_STATE,
)
from contracts.framework.authority import holder_of, member
from contracts.framework.evidence import Evidence
from contracts.framework.operation import Operation, operation
from contracts.framework.party import Right, Role
from contracts.framework.posting import entry
from contracts.framework.types import (
    Digest,
    Instant,
    Lei,
    Money,
    MoneyOrNone,
    ObjectId,
    Reason,
)
from contracts.guarantee.claims import PAYING as GUARANTEE_PAYING
from contracts.guarantee.events import (
    ClaimPassed,
    DemandEnded,
    DemandStayed,
    DemandUpheld,
    GuaranteePaid,
    StayEnded,
)
from contracts.guarantee.operations import ENDING
from ledger.state import State

POLICY: Final = "dispute"
OF_A_DISPUTE: Final = (NOT_FOUND, NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED)
HEARING: Final = (NOT_AUTHORISED, CONFLICT_OF_INTEREST, UNKNOWN_PARTY)
WHICH: Final = Meta(description="Which dispute.")
WHY: Final = Meta(description="Why.")
RELEASING: Final = entry("owner", CONTESTED, "owner", AVAIL)
PAYING: Final = (
    RELEASING,
    entry("payer", CONTESTED, "payee", AVAIL),
    entry("payer", AVAIL, "payee", AVAIL),
    entry("payee", REC, "payer", PAY),
    entry("debtor", PAY, "creditor", REC),
    entry("payer", HELD, "payee", AVAIL),
    *GUARANTEE_PAYING,
)
# What the subject of a dispute tells besides depends on its kind.
THAWING: Final = (DisputeEnded, MoneyReleased, RequestChanged, DemandEnded, StayEnded, DemandUpheld)
RULING: Final = (
    RulingExecuted,
    MoneyReleased,
    RequestChanged,
    DebtCreated,
    EscrowEnded,
    GuaranteePaid,
    ClaimPassed,
    *ENDING,
    DemandEnded,
    StayEnded,
    DemandUpheld,
)


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    posts=(entry("debtor", AVAIL, "debtor", CONTESTED),),
    emits=(DisputeOpened, MoneyHeld, RequestChanged),
    errors=(
        NOT_FOUND,
        NOT_ENTITLED,
        INVALID_TERMS,
        ALREADY_DISPUTED,
        BAD_DOCUMENT,
        WRONG_STATE,
        UNKNOWN_PARTY,
    ),
    text={
        "en": "Claim {claim} from {respondent} in a dispute about {subject}: {statement}",
        "ru": "Заявить требование {claim} к {respondent} в споре о {subject}: {statement}",
        "zh": "就 {subject} 的争议向 {respondent} 主张 {claim}：{statement}",
    },
)
class OpenDispute(Operation, tag="dispute.OpenDispute"):
    """Make a claim against another party; liquid money that it is about is held."""

    respondent: Annotated[Lei, Meta(description="Against whom.")]
    subject: Annotated[Subject, Meta(description="What it is about.")]
    claim: Annotated[Money, Meta(description="How much is claimed.")]
    statement: Annotated[Reason, Meta(description="What is claimed, and on what ground.")]
    documents: Annotated[
        tuple[Evidence, ...], Meta(max_length=32, description="What shows it.")
    ] = ()


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    posts=(RELEASING,),
    emits=THAWING,
    errors=OF_A_DISPUTE,
    text={
        "en": "Withdraw the claim in dispute {dispute}: {reason}",
        "ru": "Отозвать требование в споре {dispute}: {reason}",
        "zh": "撤回争议 {dispute} 中的主张：{reason}",
    },
)
class WithdrawClaim(Operation, tag="dispute.WithdrawClaim"):
    """Give a claim up before anybody hears it."""

    dispute: Annotated[ObjectId, WHICH]
    reason: Annotated[Reason, WHY]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    emits=(MediationProposed, MediationBegan),
    errors=(*OF_A_DISPUTE, *HEARING),
    text={
        "en": "Agree to mediation of dispute {dispute} by {mediator}",
        "ru": "Согласиться на посредничество {mediator} в споре {dispute}",
        "zh": "同意由 {mediator} 调解争议 {dispute}",
    },
)
class AgreeMediation(Operation, tag="dispute.AgreeMediation"):
    """Propose a mediator, or agree to the one that the other party proposed."""

    dispute: Annotated[ObjectId, WHICH]
    mediator: Annotated[Lei, Meta(description="Who is to mediate.")]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    emits=(MediationEnded,),
    errors=(*OF_A_DISPUTE, ALREADY_DECIDED),
    text={
        "en": "Waive mediation of dispute {dispute}",
        "ru": "Отказаться от посредничества в споре {dispute}",
        "zh": "放弃对争议 {dispute} 的调解",
    },
)
class WaiveMediation(Operation, tag="dispute.WaiveMediation"):
    """Go without mediation; arbitration may be requested once both parties said so."""

    dispute: Annotated[ObjectId, WHICH]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    emits=(MediationEnded,),
    errors=OF_A_DISPUTE,
    text={
        "en": "End mediation of dispute {dispute} without a settlement",
        "ru": "Завершить посредничество в споре {dispute} без соглашения",
        "zh": "结束争议 {dispute} 的调解，未达成和解",
    },
)
class EndMediation(Operation, tag="dispute.EndMediation"):
    """Say, as party or mediator, that mediation has failed."""

    dispute: Annotated[ObjectId, WHICH]


def _ruled(state: State, op: Any, party: str) -> int:
    """What a party itself would pay."""
    ruling = op.ruling
    return int(ruling.amount) if ruling.payer == party else 0


def _proposed(state: State, op: Any, party: str) -> int:
    found = state.get(DISPUTE_TABLE, op.dispute)
    if found is None or found.settlement is None or found.settlement.ruling.payer != party:
        return 0
    return found.settlement.ruling.amount


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    amount=_ruled,
    emits=(SettlementProposed,),
    errors=(*OF_A_DISPUTE, INVALID_TERMS),
    text={
        "en": "Propose to settle dispute {dispute}: {ruling}. {text}",
        "ru": "Предложить мировое соглашение по спору {dispute}: {ruling}. {text}",
        "zh": "提议就争议 {dispute} 和解：{ruling}。{text}",
    },
)
class ProposeSettlement(Operation, tag="dispute.ProposeSettlement"):
    """Propose a settlement, as party, mediator or arbitrator; it replaces an earlier proposal."""

    dispute: Annotated[ObjectId, WHICH]
    ruling: Annotated[Ruling, Meta(description="Who pays what.")]
    text: Annotated[Reason, Meta(description="The settlement in words.")]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    amount=_proposed,
    posts=PAYING,
    emits=RULING,
    errors=(*OF_A_DISPUTE, ALREADY_DECIDED, INVALID_TERMS),
    text={
        "en": "Sign the settlement of dispute {dispute}: {ruling}",
        "ru": "Подписать мировое соглашение по спору {dispute}: {ruling}",
        "zh": "签署争议 {dispute} 的和解：{ruling}",
    },
)
class SignSettlement(Operation, tag="dispute.SignSettlement"):
    """Sign the settlement that is proposed; the last of the three signatures carries it out."""

    dispute: Annotated[ObjectId, WHICH]
    ruling: Annotated[Ruling, Meta(description="Who pays what, exactly as proposed.")]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    emits=(ArbitrationRequested,),
    errors=OF_A_DISPUTE,
    text={
        "en": "Request arbitration of dispute {dispute}",
        "ru": "Потребовать арбитража по спору {dispute}",
        "zh": "请求仲裁争议 {dispute}",
    },
)
class RequestArbitration(Operation, tag="dispute.RequestArbitration"):
    """Ask for an award, after mediation failed, was not agreed or was waived."""

    dispute: Annotated[ObjectId, WHICH]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    emits=(ClaimAnswered,),
    errors=(*OF_A_DISPUTE, BAD_DOCUMENT),
    text={
        "en": "Answer the claim in dispute {dispute} (counterclaim {counterclaim}): {statement}",
        "ru": "Ответить на требование в споре {dispute} (встречное {counterclaim}): {statement}",
        "zh": "答辩争议 {dispute}（反请求 {counterclaim}）：{statement}",
    },
)
class AnswerClaim(Operation, tag="dispute.AnswerClaim"):
    """Respond to a claim, perhaps with a counterclaim."""

    dispute: Annotated[ObjectId, WHICH]
    statement: Annotated[Reason, Meta(description="The response.")]
    counterclaim: Annotated[MoneyOrNone, Meta(description="How much is claimed back; or 0.")] = 0
    documents: Annotated[
        tuple[Evidence, ...], Meta(max_length=32, description="What shows it.")
    ] = ()


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    emits=(ArbitratorAppointed,),
    errors=(*OF_A_DISPUTE, *HEARING),
    text={
        "en": "Nominate {arbitrator} as arbitrator of dispute {dispute}",
        "ru": "Предложить арбитром {arbitrator} в споре {dispute}",
        "zh": "提名 {arbitrator} 为争议 {dispute} 的仲裁员",
    },
)
class NominateArbitrator(Operation, tag="dispute.NominateArbitrator"):
    """Say whom one wants as arbitrator; who is named by both is appointed."""

    dispute: Annotated[ObjectId, WHICH]
    arbitrator: Annotated[Lei, Meta(description="Who is to decide.")]


@operation(
    policy=POLICY,
    by=holder_of(Role.TRIBUNAL),
    emits=(ArbitratorAppointed,),
    errors=(*OF_A_DISPUTE, *HEARING),
    text={
        "en": "Appoint {arbitrator} as arbitrator of dispute {dispute}",
        "ru": "Назначить арбитром {arbitrator} в споре {dispute}",
        "zh": "指定 {arbitrator} 为争议 {dispute} 的仲裁员",
    },
)
class AppointArbitrator(Operation, tag="dispute.AppointArbitrator"):
    """Fill a vacancy, as the tribunal, where neither the parties nor the rule found anybody."""

    dispute: Annotated[ObjectId, WHICH]
    arbitrator: Annotated[Lei, Meta(description="Who is to decide.")]


@operation(
    policy=POLICY,
    by=member(Right.SERVE),
    emits=(Recused,),
    errors=OF_A_DISPUTE,
    text={
        "en": "Leave dispute {dispute} because of a conflict: {reason}",
        "ru": "Заявить самоотвод в споре {dispute}: {reason}",
        "zh": "因利益冲突回避争议 {dispute}：{reason}",
    },
)
class Recuse(Operation, tag="dispute.Recuse"):
    """Leave a case, as its mediator or arbitrator, because of an interest in it."""

    dispute: Annotated[ObjectId, WHICH]
    reason: Annotated[Reason, WHY]


@operation(
    policy=POLICY,
    by=member(Right.SERVE),
    emits=(AwardExtended,),
    errors=(*OF_A_DISPUTE, INVALID_TERMS),
    text={
        "en": "Extend the time for the award in dispute {dispute} to {until}: {reason}",
        "ru": "Продлить срок решения по спору {dispute} до {until}: {reason}",
        "zh": "将争议 {dispute} 的裁决期限延至 {until}：{reason}",
    },
)
class ExtendAward(Operation, tag="dispute.ExtendAward"):
    """Take more time for an award, within the longest that the ledger accepts."""

    dispute: Annotated[ObjectId, WHICH]
    until: Annotated[Instant, Meta(description="The last moment for the award.")]
    reason: Annotated[Reason, WHY]


@operation(
    policy=POLICY,
    by=member(Right.SERVE),
    amount=lambda state, op, party: op.ruling.amount,
    emits=(Awarded,),
    errors=(*OF_A_DISPUTE, OVER_CLAIM, INVALID_TERMS),
    text={
        "en": "Make the award in dispute {dispute}: {ruling}. {reason}",
        "ru": "Вынести решение по спору {dispute}: {ruling}. {reason}",
        "zh": "就争议 {dispute} 作出裁决：{ruling}。{reason}",
    },
)
class MakeAward(Operation, tag="dispute.MakeAward"):
    """Decide the case, as its arbitrator; or correct the award before it is executed."""

    dispute: Annotated[ObjectId, WHICH]
    ruling: Annotated[Ruling, Meta(description="Who pays what.")]
    reason: Annotated[Reason, WHY]


@operation(
    policy=POLICY,
    by=holder_of(Role.TRIBUNAL),
    amount=lambda state, op, party: 0,
    posts=PAYING,
    emits=RULING,
    errors=OF_A_DISPUTE,
    text={
        "en": "Execute the award in dispute {dispute}",
        "ru": "Исполнить решение по спору {dispute}",
        "zh": "执行争议 {dispute} 的裁决",
    },
)
class ExecuteAward(Operation, tag="dispute.ExecuteAward"):
    """Carry an award out, as the tribunal; no party signs. It happens by itself at its limit."""

    dispute: Annotated[ObjectId, WHICH]


@operation(
    policy=POLICY,
    by=member(Right.SERVE),
    emits=(Ordered, DemandStayed, StayEnded, DemandUpheld, DemandEnded),
    errors=(*OF_A_DISPUTE, UNKNOWN_ORDER, CONFLICT_OF_INTEREST),
    text={
        "en": "Order in dispute {dispute}: {order}, because {reason}",
        "ru": "Определение по спору {dispute}: {order}, потому что {reason}",
        "zh": "就争议 {dispute} 发出命令：{order}，理由：{reason}",
    },
)
class MakeOrder(Operation, tag="dispute.MakeOrder"):
    """Order something about the subject, as arbitrator or tribunal: such as to stay a demand."""

    dispute: Annotated[ObjectId, WHICH]
    order: Annotated[
        str, Meta(min_length=1, max_length=32, description="What: one of the subject's orders.")
    ]
    reason: Annotated[Reason, WHY]
    document: Annotated[Digest, Meta(description="Digest of the reasoned order.")]


@operation(
    policy=POLICY,
    by=member(Right.SERVE),
    amount=lambda state, op, party: op.amount,
    posts=(entry("owner", AVAIL, "owner", CONTESTED),),
    emits=(MoneyHeld, Ordered),
    errors=(*OF_A_DISPUTE, OVER_CLAIM, CONFLICT_OF_INTEREST),
    text={
        "en": "Order to hold up to {amount} of {owner} in dispute {dispute}: {reason}",
        "ru": "Определение об удержании до {amount} у {owner} по спору {dispute}: {reason}",
        "zh": "命令在争议 {dispute} 中冻结 {owner} 至多 {amount}：{reason}",
    },
)
class HoldMoney(Operation, tag="dispute.HoldMoney"):
    """Hold money of a party until the case is decided, as arbitrator or tribunal."""

    dispute: Annotated[ObjectId, WHICH]
    owner: Annotated[Lei, Meta(description="Whose money: one of the two parties.")]
    amount: Annotated[Money, Meta(description="Held in all at most; as much as there is.")]
    reason: Annotated[Reason, WHY]
    document: Annotated[Digest, Meta(description="Digest of the reasoned order.")]


@operation(
    policy=POLICY,
    by=member(Right.SERVE),
    posts=(RELEASING,),
    emits=(MoneyReleased, Ordered),
    errors=(*OF_A_DISPUTE, CONFLICT_OF_INTEREST),
    text={
        "en": "Order to release the money held in dispute {dispute}: {reason}",
        "ru": "Определение о возврате удержанных средств по спору {dispute}: {reason}",
        "zh": "命令解冻争议 {dispute} 中的款项：{reason}",
    },
)
class ReleaseMoney(Operation, tag="dispute.ReleaseMoney"):
    """Give all held money back before the case is decided, as arbitrator or tribunal."""

    dispute: Annotated[ObjectId, WHICH]
    reason: Annotated[Reason, WHY]
    document: Annotated[Digest, Meta(description="Digest of the reasoned order.")]
