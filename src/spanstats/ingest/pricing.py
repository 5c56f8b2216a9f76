"""The cost of a span whose client sent no cost: from unit prices of the client, else from the table of `genai-prices`.

The table is the table of the installed package: nothing is fetched. The cache holds the model that a name leads to, and
no price, because tiers, cached tokens and the time of the call change the price.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
from genai_prices.types import ModelInfo, ModelPrice

from ..domain.measures import divide_half_even
from ..domain.span import Span
from ..domain.values import MAX_COST_PD
from .price_models import Models
from .rates import MILLION, Rates, read_rates

_FREE = ":free"
"""Ends the names of the models that OpenRouter does not charge for."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Match:
    """A model of the table, and those of its price lists that were met."""

    model: ModelInfo
    rates: dict[int, Rates | None] = field(default_factory=dict)

    def at(self, start_us: int) -> Rates | None:
        listed = self.model.prices
        if not isinstance(listed, ModelPrice):
            listed = self.model.get_prices(_EPOCH + timedelta(microseconds=start_us))
        # A price list lives as long as its model, so its identity names it.
        if id(listed) not in self.rates:
            self.rates[id(listed)] = read_rates(listed)
        return self.rates[id(listed)]


class Prices:
    """Prices spans, remembering a bounded number of model names, unknown ones too."""

    def __init__(self, remembered: int = 4096) -> None:
        self._models = Models()
        self._remembered = remembered
        self._matches: OrderedDict[tuple[str | None, str], _Match | None] = OrderedDict()

    def price(self, span: Span) -> int | None:
        """Picodollars; `None` without token counts, for a model that is unknown, or above 100,000 dollars.

        Unit prices of the span come before the table; where it has one of the two, the other counts 0.
        """
        if span.prompt_tokens is None and span.completion_tokens is None:
            if span.kind != "embedding" or not span.total_tokens:
                return None
            # An embedding has no output, and some clients send its total alone.
            span = msgspec.structs.replace(span, prompt_tokens=span.total_tokens)
        if span.prompt_price_pd is not None or span.completion_price_pd is not None:
            cost = _by_unit_prices(span)
        elif span.model is not None and span.model.strip().lower().endswith(_FREE):
            cost = 0
        elif (rates := self._rates(span)) is not None:
            cost = rates.cost_pd(span)
        else:
            return None
        return cost if cost <= MAX_COST_PD else None

    def _rates(self, span: Span) -> Rates | None:
        """Of the model that answered, else of the one that was asked for: the answer may name an alias."""
        match = self._match(span.provider, span.model) if span.model else None
        if match is None and (asked_for := span.attributes.get("request_model")):
            match = self._match(span.provider, str(asked_for))
        return None if match is None else match.at(span.start_us or span.received_us)

    def _match(self, provider: str | None, model: str) -> _Match | None:
        key = provider, model
        # Two threads may price at once: each of these steps is one for both.
        try:
            match = self._matches.pop(key)
        except KeyError:
            info = self._models.find(provider, model)
            match = None if info is None else _Match(info)
        self._matches[key] = match
        if len(self._matches) > self._remembered:
            self._matches.popitem(last=False)
        return match


def _by_unit_prices(span: Span) -> int:
    millionths = (span.prompt_tokens or 0) * (span.prompt_price_pd or 0)
    millionths += (span.completion_tokens or 0) * (span.completion_price_pd or 0)
    return divide_half_even(millionths, MILLION)
