"""Which model of the table of prices a name means, as conventions, SDKs and gateways spell it."""

import re
from collections.abc import Iterator

from genai_prices.data_snapshot import find_provider_by_id, get_snapshot
from genai_prices.types import ModelInfo, Provider

_DATE = re.compile(r"[-@]20\d\d-?\d\d-?\d\d$")

# Models that run on the user's own machine have no price, under any name.
SELF_HOSTED = frozenset(
    {"ollama", "ollama_chat", "vllm", "hosted_vllm", "lmstudio", "lm_studio", "llama.cpp", "llamacpp", "llamafile"}
)

# Ollama's tags, which it alone puts after a model: `deepseek-r1:8b`, `mistral:latest`.
_OLLAMA_TAG = re.compile(r"[^:]:(?:latest$|e?\d+(?:x\d+)?(?:\.\d+)?[bm](?:-|$))")

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

# What comes before a slash or a colon may name a provider; fine-tuned models (`ft:`) are other models.
_PREFIX = re.compile(r"(?!ft:)([^/:]*)[/:]+(?=.)")

# Bedrock's names: perhaps a region, the vendor, a dot, the model.
_BEDROCK = re.compile(
    r"(?:^|[./:])(?:ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshotai?|nvidia|openai|qwen"
    r"|stability|writer|zai)\.[a-z]"
)


class Models:
    """The models of the table that the installed package carries."""

    def __init__(self) -> None:
        self._providers: list[Provider] = get_snapshot().providers

    def find(self, provider: str | None, model: str) -> ModelInfo | None:
        """The first of the ways to read the two names that the table knows."""
        name = model.strip().lower()
        homes = [*_spellings(provider), *re.split("[/:]", name)[:-1]]
        if not SELF_HOSTED.isdisjoint(homes) or _OLLAMA_TAG.search(name):
            return None
        undated = _DATE.sub("", name)
        for spelling in (name, undated) if undated != name else (name,):
            for home, rest in self._homes(provider, spelling):
                if home is not None and (info := home.find_model(rest, all_providers=self._providers)):
                    return info
        return None

    def _homes(self, provider: str | None, name: str) -> Iterator[tuple[Provider | None, str]]:
        """Where a model may be listed, and under which name: at Bedrock if it has such a name, at its provider, at the
        one that its name suggests, and, for names like `openai/gpt-4o` and `openai:gpt-4o`, at the one before."""
        if _BEDROCK.search(name):
            yield find_provider_by_id(self._providers, "aws"), name
        for spelling in _spellings(provider):
            yield find_provider_by_id(self._providers, spelling), name
        yield self._suggested(name), name
        while (separator := _PREFIX.match(name)) is not None:
            prefix, name = separator[1], name[separator.end() :]
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
