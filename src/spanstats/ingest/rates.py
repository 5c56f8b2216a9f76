"""A price list in whole numbers: picodollars per million tokens, so that a cost is one exact division at its end."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from genai_prices.types import ModelPrice, TieredPrices

from ..domain.measures import divide_half_even
from ..domain.span import Span
from ..domain.values import PICO

MILLION = 1_000_000
_THOUSAND = 1_000

Tiers = tuple[tuple[int, int], ...]
"""(above so many input tokens, picodollars per million tokens), highest first; the last holds above -1, so always.

The tier that the input reaches is the price of all its tokens.
"""


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices of a model at one time. Cached tokens without a price of their own cost what input costs."""

    prompt: Tiers
    completion: Tiers
    cache_read: Tiers
    cache_write: Tiers
    request_pd: int

    def cost_pd(self, span: Span) -> int:
        """Picodollars, half-even. Cached tokens are part of the prompt; where they exceed it they are left out."""
        total, completion = span.prompt_tokens or 0, span.completion_tokens or 0
        read = (span.cache_read_tokens or 0) if self.cache_read else 0
        write = (span.cache_write_tokens or 0) if self.cache_write else 0
        if read + write > total:
            read = write = 0
        millionths = (
            (total - read - write) * _rate(self.prompt, total)
            + completion * _rate(self.completion, total)
            + (read and read * _rate(self.cache_read, total))
            + (write and write * _rate(self.cache_write, total))
        )
        return divide_half_even(millionths, MILLION) + self.request_pd


def _rate(tiers: Tiers, prompt_tokens: int) -> int:
    for above, price in tiers:
        if prompt_tokens > above:
            return price
    return 0


def read_rates(listed: ModelPrice) -> Rates | None:
    """The whole-number form of a price list; `None` where it has no price for text tokens or requests.

    Prices of seconds, pixels, pages and the like are left out: a span does not say how many.
    """
    get: Callable[[str], Decimal | TieredPrices | None] = listed.__dict__.get
    prompt, completion, request = get("input_mtok"), get("output_mtok"), get("requests_kcount")
    if prompt is None and completion is None and request is None:
        return None
    return Rates(
        prompt=_tiers(prompt),
        completion=_tiers(completion),
        cache_read=_tiers(get("cache_read_mtok")),
        cache_write=_tiers(get("cache_write_mtok")),
        request_pd=_whole(request / _THOUSAND) if isinstance(request, Decimal) else 0,
    )


def _tiers(price: Decimal | TieredPrices | None) -> Tiers:
    if price is None:
        return ()
    if isinstance(price, TieredPrices):
        above = [(tier.start, _whole(tier.price)) for tier in reversed(price.tiers)]
        return (*above, (-1, _whole(price.base)))
    return ((-1, _whole(price)),)


def _whole(dollars: Decimal) -> int:
    return int((dollars * PICO).to_integral_value(ROUND_HALF_EVEN))
