"""What the model server served to each run, in tokens and dollars: the ledger that the service's answers must equal."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

# Dollars for a million tokens, from the providers' price lists; `written` are tokens written to a cache for 5 minutes.
PRICES = {
    "gpt-4o": {"input": "2.50", "cached": "1.25", "output": "10.00"},
    "gpt-4o-mini": {"input": "0.15", "cached": "0.075", "output": "0.60"},
    "text-embedding-3-small": {"input": "0.02"},
    "claude-3-5-sonnet-20241022": {"input": "3.00", "cached": "0.30", "written": "3.75", "output": "15.00"},
}


@dataclass
class Usage:
    """One call. All input is `fresh` + `cached` + `written`; reasoning is part of the output."""

    fresh: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def input(self) -> int:
        return self.fresh + self.cached + self.written

    def cost(self, model: str) -> Decimal:
        """Dollars."""
        rates = {kind: Decimal(price) for kind, price in PRICES[model].items()}
        parts = {"input": self.fresh, "cached": self.cached, "written": self.written, "output": self.output}
        return sum((n * rates.get(kind, Decimal(0)) for kind, n in parts.items()), Decimal(0)) / 1_000_000

    def without_cache(self) -> "Usage":
        """As a client tells it that does not say which tokens were cached."""
        return Usage(fresh=self.input, output=self.output)


@dataclass
class Bought:
    """The calls of one run."""

    calls: list[tuple[str, Usage]] = field(default_factory=list)

    def totals(self, *, tells_cached: bool = True) -> tuple[int, int, Decimal]:
        """Input and output tokens and dollars."""
        priced = [(usage if tells_cached else usage.without_cache()).cost(model) for model, usage in self.calls]
        usages = [usage for _, usage in self.calls]
        return sum(u.input for u in usages), sum(u.output for u in usages), sum(priced, Decimal(0))


Ledger = defaultdict[str, Bought]
"""By run."""


def asked(text: str) -> dict[str, str]:
    """What a question says of its own answer: `hi #in=100 #out=20 #cached=50 #write=10 #tool=look_up #error=500`."""
    return dict(re.findall(r"#(\w+)=(\S+)", text))


def usage_of(text: str, *, anthropic: bool) -> Usage:
    """What the answer to a question uses; a character is a token where the question does not say.

    `in` is all input for OpenAI, and the input that is neither read from a cache nor written to one for Anthropic.
    """
    says = asked(text)
    cached, written = int(says.get("cached", 0)), int(says.get("write", 0))
    count = int(says.get("in", len(text)))
    fresh = count if anthropic else count - cached - written
    return Usage(fresh, cached, written, int(says.get("out", len(text))), int(says.get("reasoning", 0)))
