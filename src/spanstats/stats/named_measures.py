"""The numbers of a trace by the names that the own interface gives them: where each is stored, and in which unit."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..domain.values import MICRO, MILLI, PICO


@dataclass(frozen=True, slots=True)
class NamedMeasure:
    """A whole number in `column` of `traces`; `per_unit` of it make one `unit`."""

    name: str
    column: str
    per_unit: int
    unit: str


NAMED: Mapping[str, NamedMeasure] = {
    measure.name: measure
    for measure in (
        NamedMeasure("cost", "cost_pd", PICO, "USD"),
        NamedMeasure("latency", "latency_us", MICRO, "s"),
        NamedMeasure("ttft", "ttft_us", MICRO, "s"),
        NamedMeasure("tps", "tps", MILLI, "tokens/s"),
        NamedMeasure("prompt_tokens", "prompt_tokens", 1, "tokens"),
        NamedMeasure("completion_tokens", "completion_tokens", 1, "tokens"),
        NamedMeasure("total_tokens", "total_tokens", 1, "tokens"),
        NamedMeasure("span_count", "n_spans", 1, "spans"),
        NamedMeasure("llm_call_count", "n_llm_calls", 1, "calls"),
    )
}

SPAN_COUNT, LLM_CALL_COUNT = "span_count", "llm_call_count"
