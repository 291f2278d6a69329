"""Drawing: SVG from the server, in the page's own colours, with words for who cannot see it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup, escape

NOTHING = Markup("")


def element(tag: str, content: Markup | str = NOTHING, **attributes: Any) -> Markup:
    """An element; ``class_`` is written ``class`` and ``_`` in names a hyphen; None is left out."""
    written = Markup("").join(
        Markup(' {}="{}"').format(
            "class" if name == "class_" else name.replace("_", "-"), _number(value)
        )
        for name, value in attributes.items()
        if value is not None
    )
    return Markup("<{}{}>{}</{}>").format(Markup(tag), written, content, Markup(tag))  # noqa: S704


def _number(value: Any) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def svg(
    width: int, height: int, name: str, title: str, words: str, parts: Iterable[Markup]
) -> Markup:
    """A picture with a title and its content in words; ``name`` is unique on the page."""
    head = element("title", escape(title), id=f"{name}-title") + element(
        "desc", escape(words), id=f"{name}-words"
    )
    return element(
        "svg",
        head + Markup("").join(parts),
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_labelledby=f"{name}-title {name}-words",
        class_="picture",
    )


def text(x: float, y: float, content: str, class_: str = "", anchor: str = "middle") -> Markup:
    """A line of text."""
    return element("text", escape(content), x=x, y=y, class_=class_ or None, text_anchor=anchor)


def rect(x: float, y: float, width: float, height: float, class_: str, rx: float = 0) -> Markup:
    """A rectangle."""
    return element(
        "rect",
        x=x,
        y=y,
        width=max(width, 0.0),
        height=max(height, 0.0),
        class_=class_,
        rx=rx or None,
    )


def path(d: str, class_: str, **attributes: Any) -> Markup:
    """A line or an outline."""
    return element("path", d=d, class_=class_, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def group(parts: Iterable[Markup], title: str = "", class_: str | None = None) -> Markup:
    """Parts that belong together; ``title`` is shown where a pointer rests on them."""
    told = element("title", escape(title)) if title else NOTHING
    return element("g", told + Markup("").join(parts), class_=class_)


def short(name: str, most: int) -> str:
    """A name that fits into so many characters."""
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"
