"""Prices of models in whole numbers, picodollars per million tokens, so that a cost has one division at its end."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, NamedTuple

from genai_prices.types import ModelPrice, TieredPrices

from ..domain.measures import divide_half_even
from ..domain.span import Span
from ..domain.values import PICO

MILLION = 1_000_000
_THOUSAND = 1_000

Tiers = tuple[tuple[int, int], ...]
"""(above how many input tokens, picodollars per million tokens), highest first; the last holds above -1, so always.

The tier that the input reaches is the price of all its tokens.
"""


class TokensByPrice(NamedTuple):
    """The tokens of one call by what they cost: each is in one kind."""

    prompt: int
    read: int
    written: int
    written_1h: int
    audio_in: int
    completion: int
    audio_out: int
    reasoning: int

    @property
    def all_input(self) -> int:
        """All input, cached or not: it decides which tier is reached."""
        return self.prompt + self.read + self.written + self.written_1h + self.audio_in


_PROMPT, _COMPLETION = TokensByPrice._fields.index("prompt"), TokensByPrice._fields.index("completion")
_DETAILS = frozenset(
    (
        *("audio_beside", "cache_write_1h_tokens", "input_audio_tokens", "output_audio_tokens"),
        *("reasoning_beside_output", "reasoning_tokens"),
    )
)
"""Attributes that say that tokens are of other kinds than these two."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices of a model at one time. `tiers` are in the order of `TokensByPrice`."""

    tiers: tuple[Tiers, ...]
    request_pd: int

    def cost_pd(self, span: Span) -> int:
        """Picodollars, half-even."""
        if not (span.cache_read_tokens or span.cache_write_tokens) and _DETAILS.isdisjoint(span.attributes):
            prompt = span.prompt_tokens or 0
            millionths = prompt * _rate(self.tiers[_PROMPT], prompt)
            millionths += (span.completion_tokens or 0) * _rate(self.tiers[_COMPLETION], prompt)
            return divide_half_even(millionths, MILLION) + self.request_pd
        tokens = tokens_by_price(span)
        total = tokens.all_input
        millionths = 0
        for count, tiers in zip(tokens, self.tiers, strict=True):
            if count:
                millionths += count * _rate(tiers, total)
        return divide_half_even(millionths, MILLION) + self.request_pd


def tokens_by_price(span: Span) -> TokensByPrice:
    """The tokens of a call, each in one kind.

    Cached tokens are part of the input where its spelling says so (without `cached_beside_input`) and where they
    do not exceed it; else they come on top. Reasoning tokens are part of the output, or come on top of it with
    `reasoning_beside_output`. Audio tokens are part of the input or output, and cut to what is left of it; with
    `audio_beside` they come on top of it.
    """
    prompt, completion = span.prompt_tokens or 0, span.completion_tokens or 0
    read, written = span.cache_read_tokens or 0, span.cache_write_tokens or 0
    details = span.attributes
    if read + written <= prompt and not details.get("cached_beside_input"):
        prompt -= read + written
    audio_in, audio_out = _count(details, "input_audio_tokens"), _count(details, "output_audio_tokens")
    if details.get("audio_beside") is True:
        prompt, completion = prompt + audio_in, completion + audio_out
    audio_in, audio_out = min(audio_in, prompt), min(audio_out, completion)
    reasoning = _count(details, "reasoning_tokens")
    if details.get("reasoning_beside_output") is True:
        completion += reasoning
    reasoning = min(reasoning, completion - audio_out)
    written_1h = min(_count(details, "cache_write_1h_tokens"), written)
    output = completion - audio_out - reasoning
    return TokensByPrice(
        prompt - audio_in, read, written - written_1h, written_1h, audio_in, output, audio_out, reasoning
    )


def _count(details: dict[str, Any], name: str) -> int:
    """A value among the attributes may have come from anywhere."""
    value = details.get(name)
    return value if value.__class__ is int and value >= 0 else 0


def _rate(tiers: Tiers, prompt_tokens: int) -> int:
    for above, price in tiers:
        if prompt_tokens > above:
            return price
    return 0


def read_rates(listed: ModelPrice) -> Rates | None:
    """The whole-number form of a price list; `None` where it has no price for text tokens or requests.

    Tokens of a kind without a price of its own cost what other input or output does; tokens that were written to a
    cache for an hour, what others written to it do. Prices of seconds, pixels, pages and the like are left out: a span
    does not say how many.
    """
    get: Callable[[str], Decimal | TieredPrices | None] = listed.__dict__.get
    prompt, completion, request = get("input_mtok"), get("output_mtok"), get("requests_kcount")
    if prompt is None and completion is None and request is None:
        return None
    input_, output = _tiers(prompt), _tiers(completion)
    written = _tiers(get("cache_write_mtok")) or input_
    tiers = (
        input_,
        _tiers(get("cache_read_mtok")) or input_,
        written,
        _tiers(get("cache_write_1h_mtok")) or written,
        _tiers(get("input_audio_mtok")) or input_,
        output,
        _tiers(get("output_audio_mtok")) or output,
        _tiers(get("output_reasoning_mtok")) or output,
    )
    return Rates(tiers, _whole(request / _THOUSAND) if isinstance(request, Decimal) else 0)


def _tiers(price: Decimal | TieredPrices | None) -> Tiers:
    if price is None:
        return ()
    if isinstance(price, TieredPrices):
        above = [(tier.start, _whole(tier.price)) for tier in reversed(price.tiers)]
        return (*above, (-1, _whole(price.base)))
    return ((-1, _whole(price)),)


def _whole(dollars: Decimal) -> int:
    return int((dollars * PICO).to_integral_value(ROUND_HALF_EVEN))
