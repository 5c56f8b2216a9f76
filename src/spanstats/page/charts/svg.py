"""Elements of SVG, escaped, and scales from values to coordinates."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup, escape

WIDE, NARROW = 540, 330
"""Widths in CSS pixels that charts with labels are drawn for."""


def element(name: str, *content: Markup | str, **attributes: float | str | None) -> Markup:
    """One element; `class_` is `class`, underscores are hyphens, numbers are cut to two decimals."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = Markup("").join(content)
    return Markup(f"<{name}{shown}>{inner}</{name}>") if inner else Markup(f"<{name}{shown}/>")  # noqa: S704 (escaped)


def picture(
    width: float, height: float, sentence: str, *content: Markup, class_: str = "chart", **attributes: str
) -> Markup:
    """A whole SVG that a screen reader reads as one sentence."""
    return element(
        "svg",
        *content,
        class_=class_,
        viewBox=f"0 0 {_text(width)} {_text(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=sentence,
        **attributes,
    )


def both_widths(draw: Callable[[int, str], Markup]) -> Markup:
    """The chart for wide and for narrow screens; `draw` takes the width and the class."""
    return draw(WIDE, "chart wide") + draw(NARROW, "chart narrow")


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def text(x: float, y: float, content: str, class_: str = "label", anchor: str | None = None) -> Markup:
    """A label; `anchor` is `middle` or `end`."""
    return element("text", escape(content), x=x, y=y, class_=class_, text_anchor=anchor)


def title(content: str) -> Markup:
    """What a pointer shows over its parent; the table beside the chart has the same."""
    return element("title", escape(content))


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps `low`..`high` to `start`..`end`; values outside go to the nearer end."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = (self._turned(v) for v in (self.low, self.high, value))
        share = 0.5 if high == low else (at - low) / (high - low)
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)

    def _turned(self, value: float) -> float:
        return math.log10(max(value, 1e-300)) if self.log else value

    def widened(self, most: int = 5) -> "Scale":
        """From one round value to another, so that there are ticks at both ends; a linear scale alone."""
        step = _step(self.low, self.high, most)
        if step is None or self.log:
            return self
        low, high = math.floor(self.low / step + 1e-9) * step, math.ceil(self.high / step - 1e-9) * step
        return replace(self, low=low, high=high)

    def ticks(self, most: int = 5) -> list[float]:
        """Round values within the scale, `most` at most."""
        return _decades(self.low, self.high, most) if self.log else _round_steps(self.low, self.high, most)


def scale_over(values: Sequence[float], start: float, end: float, *, zero: bool = False, log: bool = False) -> Scale:
    """A scale that holds all the values, and 0 if asked."""
    numbers = [v for v in values if math.isfinite(v) and (not log or v > 0)] or [1.0 if log else 0.0]
    low, high = min(numbers), max(numbers)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high and not log:
        low, high = low - (abs(low) or 1) / 2 * (not zero), high + (abs(high) or 1) / 2
    return Scale(low, high, start, end, log)


def _step(low: float, high: float, most: int) -> float | None:
    """A round distance of which less than `most` lie between both; `None` where they are too close."""
    rough = (high - low) / max(1, most - 1)
    if not 1e-300 < rough < math.inf:
        return None
    magnitude = 10.0 ** math.floor(math.log10(rough))
    return next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= rough * 0.999)


def _round_steps(low: float, high: float, most: int) -> list[float]:
    step = _step(low, high, most)
    if step is None:
        return [low]
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)][: most + 2] or [low]


def _decades(low: float, high: float, most: int) -> list[float]:
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    every = max(1, math.ceil((last - first + 1) / most))
    return [10.0**i for i in range(first, last + 1, every)] or [low]


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
