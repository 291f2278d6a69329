"""What is said about a case, in the three languages, and what it can and cannot prove."""

from __future__ import annotations

from typing import Final

from contracts.framework.render import LANGUAGES

_LABELS: Final = {
    "title": ("Case file", "Материалы дела", "案卷"),
    "ledger": ("Ledger", "Реестр", "账本"),
    "reach": ("Proven up to block", "Доказано до блока", "证明截至区块"),
    "objects": ("Objects", "Объекты", "对象"),
    "kind": ("Kind", "Вид", "类型"),
    "state": ("State", "Состояние", "状态"),
    "id": ("Id", "Идентификатор", "标识"),
    "course": ("Course of events", "Ход событий", "事件经过"),
    "refused": ("Refused", "Отклонено", "已拒绝"),
    "deadline": ("A time limit passed", "Истёк срок", "期限届满"),
    "by": ("By", "Автор", "提交方"),
    "reference": ("Reference", "Ссылка", "参考号"),
    "signatures": ("Signatures", "Подписи", "签名"),
    "valid": ("in force", "действовал", "有效"),
    "unlisted": (
        "not in the keyring yet: signed to show possession",
        "ещё не в связке: подпись подтверждает владение",
        "尚未登记：签名用于证明持有",
    ),
    "invalid": ("not in force", "не действовал", "无效"),
    "postings": ("Postings", "Проводки", "分录"),
    "account": ("Account", "Счёт", "账户"),
    "amount": ("Amount", "Сумма", "金额"),
    "balance": ("Balance", "Остаток", "余额"),
    "accounts": (
        "Accounts of which every posting is here",
        "Счета, все проводки по которым приведены",
        "分录完整的账户",
    ),
    "annexes": ("Confidential annexes", "Конфиденциальные приложения", "保密附件"),
    "opened": ("opened: ", "раскрыто: ", "已开启："),
    "sealed": (
        "sealed; only the commitment is here",
        "закрыто; есть только обязательство",
        "封存，仅有承诺值",
    ),
    "encrypted": ("the encrypted file is here", "приложен зашифрованный файл", "附有加密文件"),
    "proves": ("What this file proves", "Что доказывает этот файл", "本文件所证明的事项"),
    "cannot": ("What it cannot prove", "Чего он доказать не может", "本文件不能证明的事项"),
    "how": (
        "Verify it offline, with the genesis file alone:",
        "Проверка без сети, только с файлом генезиса:",
        "仅凭创世文件离线核验：",
    ),
    "zone": ("All times are UTC.", "Время указано по UTC.", "所有时间均为 UTC。"),
}

PROVES: Final = (
    (
        "Each receipt and record was certified by a quorum of guarantors, by every change of "
        "validators since the genesis document.",
        "Каждая квитанция и запись заверены кворумом гарантов с учётом всех смен валидаторов "
        "начиная с документа генезиса.",
        "每份回执与记录均由担保方法定多数认证，并可追溯自创世文件以来的每次验证者变更。",
    ),
    (
        "Each transaction stands in its block with the signatures that were recorded, and they "
        "verify; each key belongs to the party that is named.",
        "Каждая транзакция стоит в своём блоке с записанными подписями, и они верны; каждый ключ "
        "принадлежит указанной стороне.",
        "每笔交易及其已记录的签名均在其区块内并验证有效；每个密钥均属于所示的一方。",
    ),
    (
        "The state of each object is its state at the block that is named beside it.",
        "Состояние каждого объекта указано на названный рядом блок.",
        "每个对象的状态为其旁所示区块时的状态。",
    ),
    (
        "Of each account that is listed as whole, no posting is missing up to that block.",
        "По каждому счёту из списка полных до этого блока не пропущено ни одной проводки.",
        "对列为完整的每个账户，截至该区块无任何分录缺失。",
    ),
)
CANNOT_PROVE: Final = (
    (
        "That no further object is linked to these, and no other receipt concerns them without "
        "moving value on those accounts: the ledger commits to receipts and to its state, not to "
        "an index of who is concerned. Compare with a case file from another node, or verify the "
        "whole ledger.",
        "Что с этими объектами не связан ещё какой-либо объект и что нет иных квитанций о них, не "
        "затрагивающих указанные счета: реестр фиксирует квитанции и состояние, но не указатель "
        "по объектам. Сравните с материалами другого узла или проверьте реестр целиком.",
        "不能证明不存在与之关联的其他对象，或其他涉及这些对象但未在上述账户记账的回执："
        "账本承诺的是回执与状态，而非按对象的索引。请与其他节点的案卷比对，或核验整个账本。",
    ),
    (
        "That no receipt about the revocation of a key was left out. Guarantors check every key "
        "before they record a transaction, and replaying the ledger shows that they did.",
        "Что не пропущена квитанция об отзыве ключа. Гаранты проверяют каждый ключ до записи "
        "транзакции, и повторное исполнение реестра это показывает.",
        "不能证明未遗漏密钥撤销的回执。担保方在记录交易前会检查每个密钥，重放账本即可证实。",
    ),
    (
        "Attempts that the ledger refused, of those who appear nowhere else in the case: a refusal "
        "is found under its author alone.",
        "Отклонённые попытки тех, кто больше нигде в деле не упомянут: отказ находится только по "
        "его автору.",
        "案卷中未另行出现者被账本拒绝的尝试：拒绝记录仅可按其提交方查得。",
    ),
    (
        "What happened after the blocks that are named.",
        "Что произошло после названных блоков.",
        "所示区块之后发生的事项。",
    ),
    (
        "What is in documents that the ledger knows by their digest or commitment only, unless "
        "they are opened here.",
        "Содержание документов, известных реестру лишь по хешу или обязательству, если они здесь "
        "не раскрыты.",
        "账本仅知其摘要或承诺值的文件内容（在此开启者除外）。",
    ),
    (
        "That events took place outside the ledger as the parties stated them on it.",
        "Что события вне реестра происходили так, как о них заявили стороны.",
        "各方在账本上陈述的事件在账本之外确实如此发生。",
    ),
)


def labels(language: str) -> dict[str, str]:
    """Every label in a language."""
    column = LANGUAGES.index(language)
    return {name: texts[column] for name, texts in _LABELS.items()}


def in_language(sentences: tuple[tuple[str, str, str], ...], language: str) -> list[str]:
    """Sentences in a language."""
    return [texts[LANGUAGES.index(language)] for texts in sentences]
