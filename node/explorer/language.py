"""The explorer's texts in the languages of the cluster: gettext catalogues, compiled when loaded.

A text is written in English where it is used, marked by :func:`msg` in code and by ``_`` in
templates; its translations stand in ``locale/LANGUAGE/LC_MESSAGES``, in one file for each part.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Final

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from contracts.framework.render import LANGUAGES

NAMES: Final = {"en": "English", "ru": "Русский", "zh": "中文"}
"""What each language calls itself."""

LOCALES: Final = {"en": "en", "ru": "ru", "zh": "zh_Hans"}
HTML_LANGUAGE: Final = {"en": "en", "ru": "ru", "zh": "zh-Hans"}

FOLDER: Final = Path(__file__).parent / "locale"


def msg(text: str) -> str:
    """Mark a text for translation where it is declared; it is translated where it is shown."""
    return text


@cache
def catalogue(language: str) -> NullTranslations:
    """The translations of a language; English texts are their own."""
    if language == LANGUAGES[0]:
        return NullTranslations()
    together = Catalog(locale=LOCALES[language])
    for path in sorted((FOLDER / language / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as source:
            for message in read_po(source, locale=LOCALES[language]):
                if message.id:
                    together[message.id] = message
    compiled = BytesIO()
    write_mo(compiled, together)
    compiled.seek(0)
    return GNUTranslations(compiled)


def preferred(accept: str) -> str:
    """The first language of an ``Accept-Language`` header that the explorer speaks, or English.

    >>> preferred("de, ru-RU;q=0.8, en;q=0.9"), preferred("zh-CN,zh;q=0.9"), preferred("")
    ('en', 'zh', 'en')
    """
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept[:500].split(",")):
        tag, _, parameters = part.strip().partition(";")
        try:
            weight = float(parameters.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        primary = tag.split("-")[0].lower()
        if primary in LANGUAGES and weight > 0:
            wanted.append((-weight, place, primary))
    return min(wanted)[2] if wanted else LANGUAGES[0]


@cache
def separators(language: str) -> tuple[str, str]:
    """The signs between thousands and before decimals (CLDR)."""
    symbols = Locale.parse(LOCALES[language]).number_symbols
    latin = symbols.get("latn", symbols)
    return str(latin["group"]), str(latin["decimal"])


@cache
def territories(language: str) -> Mapping[str, str]:
    """Names of countries by their codes (CLDR)."""
    return dict(Locale.parse(LOCALES[language]).territories)


def number_text(value: int, language: str) -> str:
    """A whole number as people of a language write it.

    >>> number_text(-1234567, "en"), number_text(1234, "ru")
    ('−1,234,567', '1\\xa0234')
    """
    text = f"{abs(value):,}".replace(",", separators(language)[0])
    return f"\N{MINUS SIGN}{text}" if value < 0 else text


def amount_text(minor: int, language: str) -> str:
    """An amount in minor units as people of a language write it.

    >>> amount_text(123456, "en"), amount_text(-5, "ru")
    ('1,234.56', '−0,05')
    """
    whole, rest = divmod(abs(minor), 100)
    sign = "\N{MINUS SIGN}" if minor < 0 else ""
    return f"{sign}{number_text(whole, language)}{separators(language)[1]}{rest:02}"
