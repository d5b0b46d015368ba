"""Decision trees as SVG: questions go down on the left, the way out of each goes right. No script.

Colours come from the style sheet of the page by class, so that dark pages and paper work alike.
"""

import textwrap
from collections.abc import Sequence
from html import escape

from recovery_ops.playbooks.content import Scenario

WIDTH, LEFT_W, RIGHT_W, GAP = 780, 410, 290, 80
LINE, PAD, BETWEEN = 19, 13, 34
ASK_CHARS, END_CHARS, DO_CHARS = 49, 43, 35


def tree(scenario: Scenario) -> str:
    """Return the drawing of a scenario whose texts are filled in; its text stands in the page as a list as well."""
    parts: list[str] = []
    y = 4
    for rung in scenario.rungs:
        asked, done = textwrap.wrap(rung.ask, ASK_CHARS), textwrap.wrap(rung.do, DO_CHARS)
        height = max(_height(asked), _height(done))
        parts.append(_box("ask", 2, y, LEFT_W, height, asked))
        parts.append(_link(rung.to, _box("do", LEFT_W + GAP - 2, y, RIGHT_W, height, done), rung.do))
        parts.append(_arrow(LEFT_W + 2, y + height / 2, LEFT_W + GAP - 4, y + height / 2))
        parts.append(_label(LEFT_W + GAP / 2 - 3, y + height / 2 - 7, rung.when, "middle"))
        parts.append(_arrow(LEFT_W / 2, y + height, LEFT_W / 2, y + height + BETWEEN - 2))
        parts.append(_label(LEFT_W / 2 + 12, y + height + BETWEEN / 2 + 4, rung.other, "start"))
        y += height + BETWEEN
    last = textwrap.wrap(scenario.otherwise, END_CHARS)
    parts.append(_box("end", 2, y, LEFT_W, _height(last), last))
    return _svg(scenario, y + _height(last) + 4, parts)


def _svg(scenario: Scenario, height: float, parts: Sequence[str]) -> str:
    name = f"tree-{scenario.id}"
    return (
        f'<svg class="tree" viewBox="0 0 {WIDTH} {height:g}" role="group" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">Decision tree: {escape(scenario.title)}</title>'
        f'<desc id="{name}-d">{len(scenario.rungs)} questions; the same as text stands below.</desc>'
        + "".join(parts)
        + "</svg>"
    )


def _height(lines: Sequence[str]) -> int:
    return len(lines) * LINE + 2 * PAD - 4


def _box(kind: str, x: float, y: float, width: float, height: float, lines: Sequence[str]) -> str:
    first = y + (height - len(lines) * LINE) / 2 + 14
    text = "".join(
        f'<tspan x="{x + 15:g}" y="{first + number * LINE:g}">{escape(line)}</tspan>'
        for number, line in enumerate(lines)
    )
    rect = f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="7"/>'
    return f'<g class="{kind}">{rect}<text>{text}</text></g>'


def _link(to: str, inner: str, label: str) -> str:
    return f'<a href="#{escape(to)}" aria-label="{escape(label)}">{inner}</a>'


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    along, across = (6, 4) if x1 == x2 else (4, 6)
    head = (
        f"M{x2 - along + 2:g} {y2 - across - 2:g} L{x2:g} {y2:g} L{x2 + along - 2:g} {y2 - across - 2:g}"
        if x1 == x2
        else f"M{x2 - across - 1:g} {y2 - along:g} L{x2:g} {y2:g} L{x2 - across - 1:g} {y2 + along:g}"
    )
    return f'<path class="arrow" d="M{x1:g} {y1:g} L{x2:g} {y2:g} {head}"/>'


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text class="answer" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{text}</text>'
