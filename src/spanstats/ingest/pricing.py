"""The cost of a span whose client sent no cost: from unit prices of the client, else from the table of `genai-prices`.

The table is the table of the installed package: nothing is fetched. The cache holds the model that a name leads to, and
no price, because tiers, cached tokens and the time of the call change the price.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from genai_prices.data_snapshot import find_provider_by_id, get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, Provider

from ..domain.measures import divide_half_even
from ..domain.span import Span
from ..domain.values import MAX_COST_PD
from .rates import MILLION, Rates, read_rates

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"[-@]20\d\d-?\d\d-?\d\d$")

# Models that run on the user's own machine have no price, under any name.
SELF_HOSTED = frozenset(
    {"ollama", "ollama_chat", "vllm", "hosted_vllm", "lmstudio", "lm_studio", "llama.cpp", "llamacpp", "llamafile"}
)

# Providers as conventions and SDKs spell them, where the table does not know the spelling. Of a spelling with a dot,
# such as `xai.chat`, what comes before it is tried too.
PROVIDERS = {
    "x_ai": "x-ai",
    "xai": "x-ai",
    "gcp.gen_ai": "google",
    "azure.ai.inference": "azure",
    "az.ai.inference": "azure",
    "azure_ai": "azure",
    "togetherai": "together",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "mistral_ai": "mistral",
    "google_vertexai": "google",
    "amazon": "aws",
}

# Models that one vendor alone has, where the table's patterns of that vendor's names do not know them: instrumentations
# of embeddings, for instance, name no provider.
_VENDORS = (
    (re.compile(r"(?:text-(?:embedding|davinci|moderation)|chatgpt|codex|computer-use)-"), "openai"),
    (re.compile(r"ft:(?:gpt-|o\d|davinci|babbage)"), "openai"),
    (re.compile(r"embed-v\d"), "cohere"),
    (re.compile(r"sonar(?:-|$)|pplx-"), "perplexity"),
)

# Bedrock's names: perhaps a region, the vendor, a dot, the model.
_BEDROCK = re.compile(
    r"(?:^|[./:])(?:ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshotai?|nvidia|openai|qwen"
    r"|stability|writer|zai)\.[a-z]"
)


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
        self._providers: list[Provider] = get_snapshot().providers
        self._remembered = remembered
        self._matches: OrderedDict[tuple[str | None, str], _Match | None] = OrderedDict()

    def price(self, span: Span) -> int | None:
        """Picodollars; `None` without token counts, for a model that is unknown, or above 100,000 dollars.

        Unit prices of the span come before the table; where it has one of the two, the other counts 0.
        """
        if span.prompt_tokens is None and span.completion_tokens is None:
            return None
        if span.prompt_price_pd is not None or span.completion_price_pd is not None:
            cost = _by_unit_prices(span)
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
            info = self._find(provider, model)
            match = None if info is None else _Match(info)
        self._matches[key] = match
        if len(self._matches) > self._remembered:
            self._matches.popitem(last=False)
        return match

    def _find(self, provider: str | None, model: str) -> ModelInfo | None:
        """The first of the ways to read the two names that the table knows."""
        name = model.strip().lower()
        if not SELF_HOSTED.isdisjoint([*_spellings(provider), *name.split("/")[:-1]]):
            return None
        undated = _DATE.sub("", name)
        for spelling in (name, undated) if undated != name else (name,):
            for home, rest in self._homes(provider, spelling):
                if home is not None and (info := home.find_model(rest, all_providers=self._providers)):
                    return info
        return None

    def _homes(self, provider: str | None, name: str) -> Iterator[tuple[Provider | None, str]]:
        """Where a model may be listed, and under which name: at Bedrock if it has such a name, at its provider, at the
        one that its name suggests, and, for names like `openai/gpt-4o`, at the one before the slash."""
        if _BEDROCK.search(name):
            yield find_provider_by_id(self._providers, "aws"), name
        for spelling in _spellings(provider):
            yield find_provider_by_id(self._providers, spelling), name
        yield self._suggested(name), name
        while "/" in name:
            prefix, _, name = name.partition("/")
            for spelling in _spellings(prefix):
                yield find_provider_by_id(self._providers, spelling), name
            yield self._suggested(name), name

    def _suggested(self, name: str) -> Provider | None:
        provider = next(
            (p for p in self._providers if p.model_match is not None and p.model_match.is_match(name)), None
        )
        if provider is None and (vendor := next((v for pattern, v in _VENDORS if pattern.match(name)), None)):
            return find_provider_by_id(self._providers, vendor)
        return provider


def _spellings(provider: str | None) -> list[str]:
    """The ways to read a provider's name, the most exact first."""
    if provider is None:
        return []
    name = provider.strip().lower()
    return [PROVIDERS.get(name, name), PROVIDERS.get(name.partition(".")[0], name.partition(".")[0])]


def _by_unit_prices(span: Span) -> int:
    millionths = (span.prompt_tokens or 0) * (span.prompt_price_pd or 0)
    millionths += (span.completion_tokens or 0) * (span.completion_price_pd or 0)
    return divide_half_even(millionths, MILLION)
