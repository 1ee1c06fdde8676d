"""A small canvas for the pictures: boxes, arrows and text as inline SVG.

Colors and fonts come from ``_static/diagrams.css``, so that a picture follows the theme.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from xml.sax.saxutils import escape

#: The width of every picture, in units of about one pixel. Text of 15 units is readable on a phone,
#: where the picture is scaled to 360 pixels.
WIDTH = 520
FONT = 15
LINE = 19

#: The mean width of a character, as a part of the font's size.
_CHARACTER = 0.53
_CODE_CHARACTER = 0.61


def wrap(text: str, width: float, code: bool = False) -> list[str]:
    """Break a text into lines that fit a width."""
    character = FONT * (_CODE_CHARACTER if code else _CHARACTER)
    return textwrap.wrap(text, max(4, int(width / character)))


class Canvas:
    """Collects the elements of one picture from top to bottom.

    :param description: what the picture shows, for readers who do not see it.
    """

    def __init__(self, description: str) -> None:
        self._description = description
        self._elements: list[str] = []
        self.height = 0.0

    def text(self, x: float, y: float, line: str, *classes: str, anchor: str = 'middle') -> None:
        """Write one line; ``y`` is its baseline."""
        self._reach(y + 6)
        self._elements.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{FONT}" text-anchor="{anchor}" '
            f'class="{" ".join(classes)}">{escape(line)}</text>')

    def box(self, x: float, y: float, width: float, height: float, lines: Sequence[str] = (),
            *classes: str, code: bool = False, strong_first: bool = False) -> None:
        """Draw a box with lines centered in it."""
        self._reach(y + height + 2)
        self._elements.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" '
            f'class="{" ".join(classes)}"/>')
        first = y + height / 2 - (len(lines) - 1) * LINE / 2 + FONT * 0.35
        for number, line in enumerate(lines):
            strong = ['strong'] if strong_first and number == 0 else []
            self.text(x + width / 2, first + number * LINE, line,
                      *(['code'] if code else []), *strong)

    def arrow(self, x: float, top: float, bottom: float, both: bool = False) -> None:
        """Draw a vertical arrow, downwards, or upwards when ``bottom`` is above ``top``."""
        self._reach(max(top, bottom))
        self._elements.append(f'<path d="M{x:g} {top:g}V{bottom:g}"/>')
        self._head(x, bottom, 1 if bottom > top else -1)
        if both:
            self._head(x, top, -1)

    def _head(self, x: float, y: float, direction: int) -> None:
        back = y - 8 * direction
        self._elements.append(
            f'<path class="head" d="M{x:g} {y:g}L{x - 5:g} {back:g}L{x + 5:g} {back:g}Z"/>')

    def line(self, y: float, *classes: str, left: float = 0, right: float = WIDTH) -> None:
        """Draw a horizontal line."""
        self._reach(y)
        self._elements.append(
            f'<path class="{" ".join(classes)}" d="M{left:g} {y:g}H{right:g}"/>')

    def _reach(self, y: float) -> None:
        self.height = max(self.height, y)

    def markup(self) -> str:
        """The whole picture."""
        description = escape(self._description)
        return (
            f'<div class="diagram"><svg viewBox="0 0 {WIDTH} {self.height + 2:g}" role="img" '
            f'style="max-width: {WIDTH * 1.1:g}px" aria-label="{description}">'
            f'<title>{description}</title>{"".join(self._elements)}</svg></div>')
