"""What others do when governance decides about a guarantor.

The set of validators is changed by consensus, which reads these decisions; a capability that has to
react registers a rule here.

    @on_guarantor_change
    def validators_follow(ctx, change): ...      # change.change is "admit" or "remove"
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from contracts.framework.context import Context
from contracts.governance.records import GuarantorChange

Rule = Callable[[Context, GuarantorChange], None]
_RULES: Final[list[Rule]] = []


def on_guarantor_change(rule: Rule) -> Rule:
    """Declare what else happens when a guarantor is admitted or its removal begins."""
    _RULES.append(rule)
    return rule


def tell_guarantor(ctx: Context, change: GuarantorChange) -> None:
    """Have everybody react to a decision about a guarantor."""
    for rule in _RULES:
        rule(ctx, change)
