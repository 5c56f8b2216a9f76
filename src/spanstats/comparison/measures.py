"""What can be compared, as data: a measure is one row here."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..columnar.format import FAILED
from ..domain.values import MICRO, NANO, PICO

SCORES = "scores."
"""What names of scores begin with; the evaluator's id, slug or name follows."""


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number of each trace: `sql` over a row of `traces`, `one` of which make one `unit`.

    `column` has it among the columns of `columnar/`. `summed` is the aggregate of summaries that adds it up, `None`
    where they do not.
    """

    name: str
    column: str
    one: int = 1
    unit: str | None = None
    nullable: bool = False
    higher_is_better: bool = False
    boolean: bool = False
    summed: str | None = None

    @property
    def sql(self) -> str:
        return _SQL.get(self.column, self.column)

    @property
    def kind(self) -> str:
        return "boolean" if self.boolean else "number"


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one evaluator, in billionths."""

    name: str
    key: str
    higher_is_better: bool = True
    one: int = NANO
    unit: str | None = None
    nullable: bool = True


Measure = Number | Scores

_SQL = {FAILED: "(status = 'error')::int"}
OPERATIONAL = (
    Number("cost", "cost_pd", PICO, "USD", nullable=True, summed="cost_pd"),
    Number("latency", "latency_us", MICRO, "s", nullable=True, summed="latency_us"),
    Number("ttft", "ttft_us", MICRO, "s", nullable=True, summed="ttft_us"),
    Number("tps", "tps", 1000, "tokens/s", nullable=True, higher_is_better=True, summed="tps"),
    Number("prompt_tokens", "prompt_tokens", unit="tokens", summed="prompt_tokens"),
    Number("completion_tokens", "completion_tokens", unit="tokens", summed="completion_tokens"),
    Number("total_tokens", "total_tokens", unit="tokens", summed="total_tokens"),
    Number("error", FAILED, boolean=True, summed="n_errors"),
)
"""What is compared where a request names no measures, beside all scores."""

NUMBERS: Mapping[str, Number] = {
    number.name: number
    for number in (*OPERATIONAL, Number("span_count", "n_spans"), Number("llm_call_count", "n_llm_calls"))
}
"""By name."""

MEASURED_COLUMNS = ("cost_pd", "latency_us", "ttft_us", "tps", "prompt_tokens", "completion_tokens", "total_tokens")
OTHER_COLUMNS = ("status", "n_spans", "n_llm_calls")
