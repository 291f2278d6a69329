"""Templates: one environment for each language, every value escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from node.explorer import cells
from node.explorer.assets import assets
from node.explorer.language import HTML_LANGUAGE, NAMES, amount_text, catalogue, number_text
from node.explorer.proofs import script_words
from node.explorer.table import Format, Money

FOLDER: Final = Path(__file__).parent / "templates"


@cache
def environment(language: str) -> Environment:
    """The templates in one language; ``_`` translates, ``asset(name)`` is a file's address."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    made.install_gettext_translations(catalogue(language), newstyle=True)  # type: ignore[attr-defined]
    made.filters["number"] = lambda value: number_text(value, language)
    made.filters["amount"] = lambda value: amount_text(value, language)
    made.globals.update(
        asset=lambda name: assets()[name].address,
        cell=cells.cell,
        value=cells.value_html,
        instant=cells.instant_html,
        party=cells.party_html,
        account=cells.account_html,
        Format=Format,
        Money=Money,
        script_words=script_words,
        language=language,
        language_names=NAMES,
        html_language=HTML_LANGUAGE,
    )
    return made


def render(language: str, template: str, values: dict[str, Any]) -> bytes:
    """A page."""
    return environment(language).get_template(template).render(values).encode()
