"""What members and clearing solvers can do about netting."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from contracts.accounts import AVAIL, PAY, REC
from contracts.errors import (
    BAD_PAGE,
    CYCLE_OPEN,
    DEBT_FROZEN,
    INVALID_TERMS,
    OTHER_SNAPSHOT,
)
from contracts.framework.authority import holder_of, member
from contracts.framework.operation import Operation, operation
from contracts.framework.party import Right, Role
from contracts.framework.posting import entry
from contracts.framework.types import Count, Digest, Instant, MoneyOrNone, ObjectId, Reason
from contracts.netting.accounts import CLEARING, LIQUIDITY
from contracts.netting.events import (
    ClearingProposed,
    CycleEnded,
    CycleOpened,
    DebtOptedOut,
    MandateEnded,
    MandateGiven,
)

BY_CYCLE = (
    entry("debtor", PAY, "creditor", REC),
    entry("member", AVAIL, "member", LIQUIDITY),
    entry("member", LIQUIDITY, "operator", CLEARING),
    entry("operator", CLEARING, "member", AVAIL),
    entry("member", LIQUIDITY, "member", AVAIL),
)
"""What a cycle books by itself: at its freeze and when it is applied."""

_WHICH = Meta(description="Which netting cycle.")
_PAGE = Meta(description="Which page of the snapshot, counted from 0.")


@operation(
    policy="obligation",
    by=member(Right.OBLIGE),
    amount=lambda state, op, party: op.liquidity,
    emits=(MandateGiven,),
    errors=(DEBT_FROZEN,),
    text={
        "en": "Take part in netting with up to {liquidity} of own money",
        "ru": "Участвовать в неттинге, собственные средства до {liquidity}",
        "zh": "参与净额清算，自有资金不超过 {liquidity}",
    },
)
class GiveMandate(Operation, tag="netting.GiveMandate"):
    """Let every netting cycle clear one's debts and claims, from the next freeze on.

    A cycle may move up to ``liquidity`` of the member's own money or credit line, if it announced
    to use money; replaces the mandate before.
    """

    liquidity: Annotated[
        MoneyOrNone, Meta(description="How much own money a cycle may use besides; 0 for none.")
    ] = 0


@operation(
    policy="obligation",
    by=member(Right.SETTLE),
    emits=(MandateEnded,),
    errors=(DEBT_FROZEN,),
    text={
        "en": "End the mandate for netting",
        "ru": "Отозвать согласие на неттинг",
        "zh": "终止净额清算授权",
    },
)
class EndMandate(Operation, tag="netting.EndMandate"):
    """Take no part in cycles that freeze from now on."""


@operation(
    policy="obligation",
    by=member(Right.SETTLE),
    emits=(DebtOptedOut,),
    errors=(DEBT_FROZEN,),
    text={
        "en": "Keep debt {debt} out of netting",
        "ru": "Исключить долг {debt} из неттинга",
        "zh": "将债务 {debt} 排除在净额清算之外",
    },
)
class OptOut(Operation, tag="netting.OptOut"):
    """Keep one debt out of netting, as its debtor or creditor, until the freeze of a cycle."""

    debt: Annotated[ObjectId, Meta(description="Which debt (the id of its payment request).")]


@operation(
    policy="obligation",
    by=member(Right.SETTLE),
    emits=(DebtOptedOut,),
    errors=(INVALID_TERMS,),
    text={
        "en": "Let debt {debt} be netted again",
        "ru": "Вернуть долг {debt} в неттинг",
        "zh": "恢复债务 {debt} 参与净额清算",
    },
)
class OptIn(Operation, tag="netting.OptIn"):
    """Let a debt that oneself opted out be netted again, from the next freeze on."""

    debt: Annotated[ObjectId, Meta(description="Which debt (the id of its payment request).")]


@operation(
    policy="netting",
    by=holder_of(Role.NETTING),
    emits=(CycleOpened,),
    errors=(CYCLE_OPEN, INVALID_TERMS),
    text={
        "en": "Open a netting cycle that freezes at {freeze_at} (using money: {liquidity})",
        "ru": "Открыть цикл неттинга с фиксацией {freeze_at} (с деньгами: {liquidity})",
        "zh": "开启净额清算，冻结时间 {freeze_at}（动用资金：{liquidity}）",
    },
)
class OpenCycle(Operation, tag="netting.OpenCycle"):
    """Announce a netting cycle. Until it freezes, members may still opt out."""

    freeze_at: Annotated[Instant, Meta(description="Last moment before debts are frozen.")]
    liquidity: Annotated[
        bool, Meta(description="Whether money is used as far as mandates allow.")
    ] = False


@operation(
    policy="netting",
    by=holder_of(Role.NETTING),
    emits=(CycleEnded,),
    text={
        "en": "Cancel netting cycle {cycle}: {reason}",
        "ru": "Отменить цикл неттинга {cycle}: {reason}",
        "zh": "取消净额清算 {cycle}：{reason}",
    },
)
class CancelCycle(Operation, tag="netting.CancelCycle"):
    """Cancel a cycle that is not verified yet, as the solver that opened it."""

    cycle: Annotated[ObjectId, _WHICH]
    reason: Annotated[Reason, Meta(description="Why.")]


@operation(
    policy="netting",
    by=holder_of(Role.NETTING),
    emits=(ClearingProposed,),
    errors=(OTHER_SNAPSHOT,),
    text={
        "en": "Propose a clearing of netting cycle {cycle}, snapshot {snapshot}",
        "ru": "Предложить взаимозачёт цикла {cycle}, снимок {snapshot}",
        "zh": "为净额清算 {cycle} 提出方案，快照 {snapshot}",
    },
)
class Propose(Operation, tag="netting.Propose"):
    """Begin to post a proposal for a frozen cycle; it replaces one that was not sealed."""

    cycle: Annotated[ObjectId, _WHICH]
    snapshot: Annotated[Digest, Meta(description="The snapshot that it is bound to.")]
    potential: Annotated[
        Count, Meta(description="The potential of liquidity in the certificate.")
    ] = 0


@operation(
    policy="netting",
    by=holder_of(Role.NETTING),
    errors=(BAD_PAGE,),
    text={
        "en": "Post page {page} of what cycle {cycle} clears",
        "ru": "Записать страницу {page} зачётов цикла {cycle}",
        "zh": "提交净额清算 {cycle} 的第 {page} 页金额",
    },
)
class PostFlows(Operation, tag="netting.PostFlows"):
    """Post how much of each arc on a page of the snapshot the proposal clears."""

    cycle: Annotated[ObjectId, _WHICH]
    page: Annotated[Count, _PAGE]
    flows: Annotated[
        tuple[MoneyOrNone, ...],
        Meta(min_length=1, max_length=4_001, description="How much of each arc, in order."),
    ]


@operation(
    policy="netting",
    by=holder_of(Role.NETTING),
    errors=(BAD_PAGE,),
    text={
        "en": "Post page {page} of the certificate for cycle {cycle}",
        "ru": "Записать страницу {page} сертификата цикла {cycle}",
        "zh": "提交净额清算 {cycle} 的第 {page} 页证明",
    },
)
class PostPotentials(Operation, tag="netting.PostPotentials"):
    """Post the potentials of the members on a page of the snapshot: the proof of optimality."""

    cycle: Annotated[ObjectId, _WHICH]
    page: Annotated[Count, _PAGE]
    potentials: Annotated[
        tuple[Count, ...],
        Meta(min_length=1, max_length=4_000, description="The potential of each member, in order."),
    ]


@operation(
    policy="netting",
    by=holder_of(Role.NETTING),
    posts=BY_CYCLE,
    text={
        "en": "Seal the proposal for netting cycle {cycle}",
        "ru": "Завершить предложение по циклу {cycle}",
        "zh": "封存净额清算 {cycle} 的方案",
    },
)
class Seal(Operation, tag="netting.Seal"):
    """End the posting of a proposal: it is verified and, if it is right, applied."""

    cycle: Annotated[ObjectId, _WHICH]
