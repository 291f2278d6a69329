"""What the steps of objects' lives are called in each language, who causes them, how long they take.

English stands in the machines themselves (:mod:`contracts.framework.machine`): events, ``by``,
``window`` and reasons to rest. A test names what is missing here.
"""

# ruff: noqa: E501 - a line for each text

from __future__ import annotations

import re
from typing import Final

_LANGUAGES: Final = {"ru": 0, "zh": 1}
_TIME: Final = re.compile(r"(\d+) (business )?(day|hour)s?")


def step_label(event: str, language: str) -> str:
    """An event that moves an object: ``deem accepted``."""
    return _told(STEPS, event, language)


def life_text(text: str, language: str) -> str:
    """Who causes a step, how long a state lasts, or why no time ends it.

    >>> life_text("5 business days", "ru"), life_text("72 hours", "zh"), life_text("member", "en")
    ('5 рабочих дней', '72 小时', 'member')
    """
    time = _TIME.fullmatch(text)
    if time is not None and language in _LANGUAGES:
        return _span(int(time[1]), time[2] is not None, time[3], language)
    return _told(TEXTS, text, language)


def _told(texts: dict[str, tuple[str, str]], name: str, language: str) -> str:
    found = texts.get(name)
    return found[_LANGUAGES[language]] if found and language in _LANGUAGES else name


def _span(count: int, business: bool, unit: str, language: str) -> str:
    if language == "zh":
        return f"{count} {'小时' if unit == 'hour' else '个工作日' if business else '天'}"
    form = _russian_plural(count)
    noun = (("час", "часа", "часов") if unit == "hour" else ("день", "дня", "дней"))[form]
    kind = ("рабочий ", "рабочих ", "рабочих ")[form] if business else ""
    return f"{count} {kind}{noun}"


def _russian_plural(count: int) -> int:
    if count % 10 == 1 and count % 100 != 11:
        return 0
    return 1 if count % 10 in (2, 3, 4) and count % 100 not in (12, 13, 14) else 2


STEPS: Final[dict[str, tuple[str, str]]] = {
    "abandon": ("отказаться", "放弃"),
    "accede": ("присоединиться", "加入"),
    "accept": ("принять", "接受"),
    "admit": ("признать", "承认"),
    "agree": ("согласиться", "同意"),
    "agree on goods": ("договориться о товарах", "商定以货物履行"),
    "appeal": ("обжаловать", "申诉"),
    "apply": ("провести", "执行"),
    "appoint": ("назначить", "任命"),
    "appraise": ("оценить", "评估"),
    "approve": ("одобрить", "批准"),
    "arrive": ("прибыть", "到达"),
    "attest": ("подтвердить", "证明"),
    "award": ("вынести решение", "裁决"),
    "award back": ("присудить обратно", "判回"),
    "become moot": ("утратить предмет", "失去标的"),
    "begin": ("начать", "开始"),
    "begin run-off": ("начать завершение", "开始清退"),
    "call": ("истребовать", "催收"),
    "cancel": ("отменить", "取消"),
    "check": ("проверить", "核查"),
    "close": ("закрыть", "关闭"),
    "complete": ("завершить", "完成"),
    "confirm": ("подтвердить", "确认"),
    "confirm goods": ("подтвердить товары", "确认货物"),
    "consent": ("согласиться", "同意"),
    "contest": ("оспорить", "争议"),
    "contract": ("заключить договор", "签约"),
    "convert": ("превратить", "转换"),
    "convict": ("признать вину", "认定过错"),
    "correct": ("исправить", "更正"),
    "counter": ("предложить встречно", "还盘"),
    "credit": ("зачесть", "抵扣"),
    "cure": ("исправить", "补救"),
    "decline": ("отклонить", "谢绝"),
    "deem accepted": ("считать принятым", "视为验收"),
    "default": ("не исполнить", "违约"),
    "deliver": ("поставить", "交付"),
    "demand": ("потребовать", "索赔"),
    "discharge": ("исполнить полностью", "履行完毕"),
    "dismiss": ("отказать", "驳回"),
    "dispute": ("начать спор", "提出争议"),
    "drop": ("снять", "撤销"),
    "enact": ("ввести в действие", "生效"),
    "enter": ("войти", "进入"),
    "exclude": ("исключить", "除名"),
    "execute": ("исполнить", "执行"),
    "exhaust": ("исчерпать", "用尽"),
    "expel": ("удалить", "逐出"),
    "expire": ("истечь", "到期"),
    "extend": ("продлить", "延期"),
    "fail": ("не удаться", "失败"),
    "fail to deliver": ("не поставить", "未能交付"),
    "fail to extend": ("не продлить", "未能延期"),
    "fall back": ("вернуться", "回退"),
    "fall due": ("наступить", "到期应付"),
    "fall into arrears": ("просрочить взнос", "陷入拖欠"),
    "fall overdue": ("просрочить", "逾期"),
    "fall through": ("сорваться", "落空"),
    "finish": ("закончить", "结束"),
    "freeze": ("заморозить", "冻结"),
    "give notice": ("уведомить", "通知"),
    "give up": ("отказаться", "放弃"),
    "go": ("уйти", "离开"),
    "hold": ("удержать", "保留"),
    "inspect": ("осмотреть", "检验"),
    "issue": ("выдать", "出具"),
    "join": ("присоединиться", "加入"),
    "lapse": ("утратить силу", "失效"),
    "leave": ("выйти", "退出"),
    "lose home": ("лишиться страны", "失去归属国"),
    "mediate": ("начать медиацию", "调解"),
    "miss": ("пропустить срок", "错过期限"),
    "net": ("зачесть", "轧差"),
    "no agreement": ("не договориться", "未达成一致"),
    "no mediation": ("обойтись без медиации", "不经调解"),
    "no response": ("не ответить", "未答复"),
    "order remedy": ("предписать исправление", "责令整改"),
    "outlast": ("пережить", "超期"),
    "pass": ("пройти", "通过"),
    "pay": ("платить", "付款"),
    "pay out": ("выплатить", "付清"),
    "preclude": ("лишить возражений", "丧失异议权"),
    "proceed": ("продолжить", "继续"),
    "prolong": ("продлить", "顺延"),
    "propose": ("предложить", "提议"),
    "quash": ("отменить", "撤销"),
    "raise": ("увеличить", "提高"),
    "readmit": ("вновь допустить", "重新接纳"),
    "recuse": ("взять самоотвод", "回避"),
    "recuse mediator": ("самоотвод медиатора", "调解员回避"),
    "reduce": ("уменьшить", "减少"),
    "reduce arrears": ("уменьшить просрочку", "减少拖欠"),
    "reduce contested": ("уменьшить спорное", "减少争议额"),
    "refund": ("вернуть", "退款"),
    "refuse": ("отказать", "拒绝"),
    "reinstate": ("восстановить", "恢复"),
    "reject": ("отклонить", "拒收"),
    "release": ("выпустить", "释放"),
    "remedy": ("исправить", "整改"),
    "remind": ("напомнить", "催告"),
    "remove": ("удалить", "移除"),
    "repay": ("погасить", "偿还"),
    "report": ("доложить", "报告"),
    "request": ("запросить", "请求"),
    "respond": ("ответить", "答复"),
    "resume": ("возобновить", "恢复"),
    "resume in part": ("возобновить частично", "部分恢复"),
    "resume late": ("возобновить с опозданием", "逾期恢复"),
    "resume payment": ("возобновить платёж", "恢复付款"),
    "return": ("вернуть", "退回"),
    "review": ("пересмотреть", "复核"),
    "revoke": ("отозвать", "撤销"),
    "seal": ("закрыть предложение", "封存"),
    "secure": ("обеспечить", "担保"),
    "send back": ("отослать назад", "退运"),
    "settle": ("урегулировать", "和解"),
    "ship": ("отгрузить", "发运"),
    "snapshot": ("сделать снимок", "生成快照"),
    "stand": ("остаться в силе", "维持"),
    "stand back": ("отойти", "退后"),
    "start": ("начать", "启动"),
    "stay": ("приостановить", "中止"),
    "stay payment": ("приостановить платёж", "中止付款"),
    "stay silent": ("промолчать", "保持沉默"),
    "stay undecided": ("остаться нерешённым", "未决"),
    "stop": ("остановить", "停止"),
    "succeed": ("перейти преемнику", "继受"),
    "suspend": ("приостановить", "暂停"),
    "take back": ("забрать назад", "取回"),
    "terminate": ("прекратить", "终止"),
    "thaw": ("разморозить", "解冻"),
    "time out": ("истечь по времени", "超时"),
    "unwind": ("отмотать назад", "回退"),
    "use up": ("израсходовать", "用完"),
    "verify": ("проверить", "验证"),
    "veto": ("наложить вето", "否决"),
    "void": ("признать недействительным", "作废"),
    "vote": ("голосовать", "表决"),
    "vote down": ("отклонить голосованием", "表决否决"),
    "wait": ("ждать", "等待"),
    "waive": ("отказаться от права", "放弃权利"),
    "wind up": ("завершить дела", "清理结束"),
    "withdraw": ("отозвать", "撤回"),
    "withdraw demand": ("отозвать требование", "撤回索赔"),
    "write off": ("списать", "核销"),
}
"""Event of a machine: Russian, Chinese."""

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "20 business days after the quarter": (
        "20 рабочих дней после квартала",
        "季度结束后 20 个工作日",
    ),
    "24 hours from the freeze": ("24 часа после заморозки", "冻结后 24 小时"),
    "30 days for an appeal": ("30 дней на апелляцию", "30 天申诉期"),
    "6 months, at most 9 extended": (
        "6 месяцев, с продлением не более 9",
        "6 个月，延长后至多 9 个月",
    ),
    "90 days in all": ("всего 90 дней", "共 90 天"),
    "a clearing solver": ("решатель неттинга", "清算求解者"),
    "a date of the schedule that passed": ("прошедшая дата графика", "已过的进度日期"),
    "a debt does not end by time": ("долг не кончается со временем", "债务不因时间终结"),
    "a debt does not end by time; the council may write it off": (
        "долг не кончается со временем; совет может его списать",
        "债务不因时间终结；理事会可予核销",
    ),
    "a dispute that opens": ("начавшийся спор", "提起的争议"),
    "a dispute that opens: the clock stops": (
        "начавшийся спор: время останавливается",
        "提起的争议：计时停止",
    ),
    "a line lasts until it is closed or called; below zero, at most 365 days": (
        "линия действует, пока её не закроют или не истребуют; ниже нуля — не более 365 дней",
        "额度持续至关闭或催收；低于零至多 365 天",
    ),
    "a lot": ("партия товара", "一个批次"),
    "a missed milestone, the applicant, or the end of its membership": (
        "пропущенный этап, заявитель или конец его членства",
        "错过的里程碑、申请人，或其成员资格终止",
    ),
    "a netting cycle, in full": ("цикл неттинга, полностью", "轧差周期，全额"),
    "a party": ("сторона", "一方"),
    "a party, with evidence": ("сторона, с доказательством", "一方，附证据"),
    "a promise stands until it is called": (
        "обещание действует, пока его не истребуют",
        "承诺持续至催缴",
    ),
    "a proposal that does not verify": ("предложение, не прошедшее проверку", "未通过验证的方案"),
    "a review that finds nothing left": ("проверка, не нашедшая остатка", "复核未发现余项"),
    "a review that finds the successor leaving": (
        "проверка, нашедшая, что преемник уходит",
        "复核发现继受方正在退出",
    ),
    "a round of the queue": ("проход очереди", "一轮队列处理"),
    "a ruling": ("решение", "裁定"),
    "a ruling, in whole or in part to the payee": (
        "решение, полностью или частично получателю",
        "裁定，全部或部分归收款人",
    ),
    "a state's debt does not end by time; its vote is suspended meanwhile": (
        "долг государства не кончается со временем; его голос тем временем приостановлен",
        "国家债务不因时间终结；期间暂停其表决权",
    ),
    "all of it is paid": ("оплачено всё", "已全部支付"),
    "amendment, force majeure": ("изменение, форс-мажор", "修改、不可抗力"),
    "an inspector's attestation": ("подтверждение инспектора", "检验人的证明"),
    "any party": ("любая сторона", "任何一方"),
    "any registered key of the party": (
        "любой зарегистрированный ключ стороны",
        "该方任一登记密钥",
    ),
    "applicant": ("заявитель", "申请人"),
    "applicant and whoever pays the contribution": (
        "заявитель и тот, кто платит взнос",
        "申请人与缴款人",
    ),
    "arbitrator": ("арбитр", "仲裁员"),
    "beneficiary": ("бенефициар", "受益人"),
    "beneficiary, secured contract, or nothing left": (
        "бенефициар, обеспеченный договор или отсутствие остатка",
        "受益人、被担保合同，或已无余额",
    ),
    "beneficiary, stating the breach": ("бенефициар, заявляя нарушение", "受益人，声明违约"),
    "borrower, in full": ("заёмщик, полностью", "借款人，全额"),
    "both and whoever hears them": ("обе стороны и рассматривающий их", "双方与审理人"),
    "both guarantors and customs of both states": (
        "оба гаранта и таможни обоих государств",
        "双方担保人与两国海关",
    ),
    "both parties": ("обе стороны", "双方"),
    "both parties, or tribunal": ("обе стороны или трибунал", "双方或仲裁庭"),
    "both parties, the tribunal, or a party's exclusion": (
        "обе стороны, трибунал или исключение стороны",
        "双方、仲裁庭，或一方被除名",
    ),
    "bounded steps, one in each block": (
        "ограниченные шаги, по одному в блоке",
        "有限步骤，每块一步",
    ),
    "claimant": ("истец", "申请人"),
    "claims at zero and the schedule done": (
        "требования исчерпаны и график исполнен",
        "债权归零且进度完成",
    ),
    "council": ("совет", "理事会"),
    "council or tribunal": ("совет или трибунал", "理事会或仲裁庭"),
    "council, or no decision in time": (
        "совет или отсутствие решения в срок",
        "理事会，或逾期未决",
    ),
    "council, qualified majority": ("совет, квалифицированным большинством", "理事会，特定多数"),
    "council: another party takes its place": (
        "совет: её место занимает другая сторона",
        "理事会：由另一方取代",
    ),
    "creditor, with a reason": ("кредитор, с причиной", "债权人，附理由"),
    "customs refusing relief, both parties, or a party's exclusion": (
        "отказ таможни, обе стороны или исключение стороны",
        "海关拒绝减免、双方，或一方被除名",
    ),
    "debtor": ("должник", "债务人"),
    "debtor, in full": ("должник, полностью", "债务人，全额"),
    "debtor, or a netting cycle": ("должник или цикл неттинга", "债务人或轧差周期"),
    "debtor, or an award": ("должник или решение", "债务人或裁决"),
    "debtor, with a reason": ("должник, с причиной", "债务人，附理由"),
    "debts do not end by time; closed as soon as a review finds nothing open": (
        "долги не кончаются со временем; закрывается, как только проверка не найдёт открытого",
        "债务不因时间终结；复核无未结即关闭",
    ),
    "dispute about a rejected demand": ("спор об отклонённом требовании", "关于被拒索赔的争议"),
    "each instalment's date; the last one ends it": (
        "дата каждого платежа; последний заканчивает его",
        "每期日期；最后一期终结",
    ),
    "each tranche has its own limit, and the last one ends this state": (
        "у каждого транша свой срок, последний заканчивает это состояние",
        "各分期款有自己的期限，最后一笔终结此状态",
    ),
    "either party": ("любая из сторон", "任一方"),
    "either party naming an inspector": (
        "любая из сторон, называя инспектора",
        "任一方，指定检验人",
    ),
    "either side": ("любая из сторон", "任一方"),
    "enough guarantors": ("достаточно гарантов", "足够的担保人"),
    "enough guarantors, or the end of its office": (
        "достаточно гарантов или конец полномочий",
        "足够的担保人，或其职务终止",
    ),
    "enough guarantors, the end of its office, or the end of the epoch": (
        "достаточно гарантов, конец полномочий или конец эпохи",
        "足够的担保人、其职务终止，或本届结束",
    ),
    "enough voters said no": ("достаточно голосов против", "足够的反对票"),
    "enough voters said yes": ("достаточно голосов за", "足够的赞成票"),
    "evidence of a fault": ("доказательство проступка", "过错证据"),
    "free money, at once or by the manager": (
        "свободные деньги, сразу или управляющим",
        "可用资金，立即或由管理人",
    ),
    "guarantor": ("гарант", "担保人"),
    "guarantor and beneficiary": ("гарант и бенефициар", "担保人与受益人"),
    "guarantor, exclusion, or 365 days below zero": (
        "гарант, исключение или 365 дней ниже нуля",
        "担保人、除名，或低于零 365 天",
    ),
    "guarantor, if extension is asked for": (
        "гарант, если просят продления",
        "担保人（如请求延期）",
    ),
    "guarantor, or a suspension": ("гарант или приостановление", "担保人，或暂停"),
    "guarantor, or the guarantee's end": ("гарант или конец гарантии", "担保人，或保函终结"),
    "guarantor, time limit, or award": ("гарант, срок или решение", "担保人、时限或裁决"),
    "guarantor, with a reason": ("гарант, с причиной", "担保人，附理由"),
    "guarantor, with all discrepancies": (
        "гарант, со всеми расхождениями",
        "担保人，列明全部不符点",
    ),
    "guarantor, within the council's cap": (
        "гарант, в пределах потолка совета",
        "担保人，在理事会上限之内",
    ),
    "guarantor; for new draws only": (
        "гарант; только для новых заимствований",
        "担保人；仅限新支用",
    ),
    "issuer, with a reason": ("эмитент, с причиной", "发行人，附理由"),
    "issuer, with evidence": ("эмитент, с доказательством", "发行人，附证据"),
    "it decides with the others": ("он решает вместе с другими", "它与其他节点共同决定"),
    "it follows the ledger and serves it; its guarantor decides when it votes": (
        "он следит за реестром и обслуживает его; когда голосовать, решает его гарант",
        "它跟随并服务账本；何时投票由其担保人决定",
    ),
    "its date and 90 days": ("его дата и 90 дней", "其日期后 90 天"),
    "its height": ("его высота", "其高度"),
    "its height, if it would break a rule by then": (
        "его высота, если к ней он нарушил бы правило",
        "其高度，若届时将违反规则",
    ),
    "its opener, or a contract or award that changes a frozen debt": (
        "открывший или договор либо решение, меняющее замороженный долг",
        "发起人，或改变冻结债务的合同或裁决",
    ),
    "its term": ("её срок", "其期限"),
    "late performance; end of the event": (
        "позднее исполнение; конец события",
        "迟延履行；事件结束",
    ),
    "liabilities do not end by time; complete once a review finds none": (
        "обязательства не кончаются со временем; завершено, когда проверка их не найдёт",
        "责任不因时间终结；复核无余即完成",
    ),
    "mediator": ("медиатор", "调解员"),
    "mediator, either party, or the time limit": (
        "медиатор, любая из сторон или срок",
        "调解员、任一方或时限",
    ),
    "member": ("участник", "成员"),
    "member or guarantor": ("участник или гарант", "成员或担保人"),
    "member or guarantor, when nothing is drawn": (
        "участник или гарант, когда ничего не занято",
        "成员或担保人，在未支用时",
    ),
    "member, or issuer with a reason": ("участник или эмитент с причиной", "成员，或发行人附理由"),
    "member, registrar, or a review, at zero": (
        "участник, регистратор или проверка, при нуле",
        "成员、登记机构或复核，余额为零时",
    ),
    "membership has no term": ("членство бессрочно", "成员资格无期限"),
    "no decision in time, or its height passed before": (
        "нет решения в срок или его высота прошла раньше",
        "逾期未决，或其高度已先过",
    ),
    "owner, or the end of its right to oblige itself": (
        "владелец или конец его права обязываться",
        "所有人，或其承担义务权利终止",
    ),
    "payee": ("получатель", "收款人"),
    "payer or operator": ("плательщик или исполнитель", "付款人或操作人"),
    "payer or the condition's signer": (
        "плательщик или подписывающий условие",
        "付款人或条件签署者",
    ),
    "payer, or a standing that forbids it": (
        "плательщик или статус, который это запрещает",
        "付款人，或禁止此事的身份",
    ),
    "proposer": ("предложивший", "提议人"),
    "refusal, or the time limit": ("отказ или срок", "拒绝或时限"),
    "refused relief, cures used up, or no contract to cure for": (
        "отказ в льготе, исчерпанные исправления или отсутствие договора",
        "拒绝减免、补救用尽，或无可补救的合同",
    ),
    "registrar": ("регистратор", "登记机构"),
    "registrar and home state": ("регистратор и государство учёта", "登记机构与归属国"),
    "registrar, on an inspector's report": (
        "регистратор, по докладу инспектора",
        "登记机构，依检验报告",
    ),
    "registrar, with a reason": ("регистратор, с причиной", "登记机构，附理由"),
    "supplier or buyer, with a reason": (
        "поставщик или покупатель, с причиной",
        "供应方或买方，附理由",
    ),
    "the agreed days of carriage": ("согласованные дни перевозки", "约定的运输天数"),
    "the agreed start": ("согласованное начало", "约定的开始"),
    "the agreed time": ("согласованное время", "约定的时间"),
    "the announced time": ("объявленное время", "公布的时间"),
    "the ballot has its own limit and ends this state": (
        "у голосования свой срок, он заканчивает это состояние",
        "表决有自己的期限并终结此状态",
    ),
    "the ballot has its own limit and ends this state with it": (
        "у голосования свой срок, с ним кончается это состояние",
        "表决有自己的期限，此状态随之终结",
    ),
    "the ballot's window": ("срок голосования", "表决期限"),
    "the block of its height enacts or voids it": (
        "блок её высоты вводит или отменяет её",
        "其高度的区块使之生效或作废",
    ),
    "the blocks that follow": ("следующие блоки", "随后的区块"),
    "the clearing solver": ("решатель неттинга", "清算求解者"),
    "the clearing solver that opened it": (
        "решатель неттинга, который её открыл",
        "发起它的清算求解者",
    ),
    "the contract it comes from, or an award": (
        "договор, из которого он возник, или решение",
        "其来源合同，或裁决",
    ),
    "the council or the tribunal decides further": (
        "дальше решают совет или трибунал",
        "由理事会或仲裁庭进一步决定",
    ),
    "the date of the call-off": ("дата отзыва поставки", "叫货日期"),
    "the date on which it is payable": ("дата платежа", "付款日期"),
    "the dispute has its own limits and ends this state with it": (
        "у спора свои сроки, с ним кончается это состояние",
        "争议有自己的期限，此状态随之终结",
    ),
    "the dispute's end": ("конец спора", "争议结束"),
    "the dispute's end without a ruling": ("конец спора без решения", "争议无裁定而结束"),
    "the dispute's end, nothing paid": ("конец спора, ничего не выплачено", "争议结束，未付款"),
    "the dispute's end, past its date": ("конец спора, после его даты", "争议结束，已过其日期"),
    "the end of the epoch": ("конец эпохи", "本届结束"),
    "the end of the epoch ends this state, as soon as the limits of a change allow it": (
        "конец эпохи заканчивает это состояние, как только позволят пределы изменений",
        "本届结束终结此状态，一俟变更限度允许",
    ),
    "the end of the epoch suspends it, unless too few others would remain; then the guarantors decide": (
        "конец эпохи приостанавливает его, если останется достаточно других; иначе решают гаранты",
        "本届结束使其暂停，除非剩余过少；届时由担保人决定",
    ),
    "the end of the support": ("конец поддержки", "支持结束"),
    "the escrow's expiry": ("срок эскроу", "托管到期"),
    "the first accepted finished goods": ("первые принятые готовые изделия", "首批验收的制成品"),
    "the fund's manager": ("управляющий фонда", "基金管理人"),
    "the guarantor's payment": ("платёж гаранта", "担保人的付款"),
    "the guarantor, by payment": ("гарант, платежом", "担保人，以付款"),
    "the guarantors decide, in a ballot that the evidence opened or a later one": (
        "решают гаранты, в голосовании, открытом доказательством или позднее",
        "由担保人在证据引发的或其后的表决中决定",
    ),
    "the home state's withdrawal": ("выход государства учёта", "归属国退出"),
    "the injured party": ("потерпевшая сторона", "受损方"),
    "the inspector that the report names": ("инспектор, названный в докладе", "报告所列检验人"),
    "the last instalment": ("последний платёж", "最后一期"),
    "the last milestone": ("последний этап", "最后一个里程碑"),
    "the last of it is contracted": ("законтрактовано последнее", "余量已全部签约"),
    "the last of the parties": ("последняя из сторон", "最后一方"),
    "the last party to agree": ("последняя согласившаяся сторона", "最后同意的一方"),
    "the last step": ("последний шаг", "最后一步"),
    "the maker, with documents": ("изготовитель, с документами", "制造方，附文件"),
    "the mandate's own end": ("конец самого поручения", "授权自身到期"),
    "the member's exclusion or run-off": (
        "исключение или завершение дел участника",
        "成员被除名或清退",
    ),
    "the member's run-off": ("завершение дел участника", "成员清退"),
    "the milestone's date and 30 days": ("дата этапа и 30 дней", "里程碑日期后 30 天"),
    "the next block, then 30 days": ("следующий блок, затем 30 дней", "下一区块，然后 30 天"),
    "the next date of the schedule": ("следующая дата графика", "下一个进度日期"),
    "the offer's own time, at most 30 days": (
        "срок самого предложения, не более 30 дней",
        "要约自定期限，至多 30 天",
    ),
    "the other party": ("другая сторона", "对方"),
    "the other party, naming the hash of the terms": (
        "другая сторона, называя хеш условий",
        "对方，指明条款哈希",
    ),
    "the other party, with a reason": ("другая сторона, с причиной", "对方，附理由"),
    "the other party, with terms of its own": (
        "другая сторона, со своими условиями",
        "对方，附自己的条款",
    ),
    "the other side": ("другая сторона", "对方"),
    "the party, once, within its time": (
        "сторона, один раз, в свой срок",
        "该方，一次，在其期限内",
    ),
    "the payer's own limit, at most 30 days": (
        "предел самого плательщика, не более 30 дней",
        "付款人自定期限，至多 30 天",
    ),
    "the payment that reaches the total": ("платёж, достигший суммы", "达到总额的付款"),
    "the receiver": ("принимающий", "接收方"),
    "the receiver or the inspector": ("принимающий или инспектор", "接收方或检验人"),
    "the receiver or the inspector, with reasons": (
        "принимающий или инспектор, с причинами",
        "接收方或检验人，附理由",
    ),
    "the score, or the council": ("оценка или совет", "评分或理事会"),
    "the shipper": ("отправитель", "发货方"),
    "the shipper, with a reason": ("отправитель, с причиной", "发货方，附理由"),
    "the shipper, with documents": ("отправитель, с документами", "发货方，附文件"),
    "the state's guarantor": ("гарант государства", "国家担保人"),
    "the supplier's barter offer or invoice": (
        "бартерное предложение или счёт поставщика",
        "供应方的易货要约或发票",
    ),
    "the time limit": ("срок", "时限"),
    "the time limit, or the ballot's": ("срок, или срок голосования", "时限，或表决期限"),
    "the time limit: appointed by rule": ("срок: назначается по правилу", "时限：依规则任命"),
    "the time limit: replaced by rule": ("срок: заменяется по правилу", "时限：依规则替换"),
    "the time limit: silence is acceptance": ("срок: молчание — принятие", "时限：沉默即接受"),
    "the time limit: silence is not acceptance": (
        "срок: молчание — не принятие",
        "时限：沉默不是接受",
    ),
    "the time limit: silence is not consent": (
        "срок: молчание — не согласие",
        "时限：沉默不是同意",
    ),
    "the time limit: the council votes on suspension": (
        "срок: совет голосует о приостановлении",
        "时限：理事会就暂停表决",
    ),
    "the time limit: the council's decision stands": (
        "срок: решение совета остаётся",
        "时限：理事会的决定维持",
    ),
    "the time limit: the report stands as made": (
        "срок: доклад остаётся как есть",
        "时限：报告维持原样",
    ),
    "the time limit; silence is not consent": (
        "срок; молчание — не согласие",
        "时限；沉默不是同意",
    ),
    "the time limit; the guarantor is asked again": (
        "срок; гаранта спрашивают снова",
        "时限；再次询问担保人",
    ),
    "the time limits of the dispute end it": ("его заканчивают сроки спора", "由争议的期限终结"),
    "the time stated, 90 days at most": (
        "указанное время, не более 90 дней",
        "所述时间，至多 90 天",
    ),
    "tribunal": ("трибунал", "仲裁庭"),
    "tribunal, for manifest abuse": ("трибунал, при явном злоупотреблении", "仲裁庭，因明显滥用"),
    "tribunal, on appeal": ("трибунал, по апелляции", "仲裁庭，经申诉"),
    "tribunal, or no ruling in time": (
        "трибунал или отсутствие решения в срок",
        "仲裁庭，或逾期未裁",
    ),
    "tribunal, or the end of a dispute": ("трибунал или конец спора", "仲裁庭，或争议结束"),
    "tribunal, or the time limit": ("трибунал или срок", "仲裁庭，或时限"),
    "what a guarantor owes does not end by time; it is asked again and again": (
        "долг гаранта не кончается со временем; его спрашивают снова и снова",
        "担保人的债务不因时间终结；会反复催问",
    ),
    "what is in dispute passes when that ends; looked at every 30 days": (
        "спорное переходит, когда спор кончится; проверяется каждые 30 дней",
        "争议事项在结束时移转；每 30 天查看",
    ),
    "who called, or the contract's end": (
        "отозвавший поставку или конец договора",
        "叫货方，或合同终结",
    ),
    "whoever offered": ("предложивший", "要约方"),
}
"""Who, how long, why: Russian, Chinese."""
