# /// script
# dependencies = ["parea-ai==0.2.220", "tqdm==4.70.1", "openai==1.109.1"]
# ///
"""Parea's SDK: an experiment of nested traces, a wrapped OpenAI client, streams, evals, a judge and a failing row."""

import uuid
from decimal import Decimal

import openai
import tiktoken
import tiktoken.registry
from checks import Checks
from expected import Expected, compare, stats, summary
from fake_openai import serving, tokens
from parea import Experiment, Parea, trace
from parea.schemas import EvaluatedLog, EvaluationResult, ListExperimentUUIDsFilters, Log

# The SDK counts the tokens of streams itself, with tables that tiktoken would download. Here a token is a byte.
for name in ("cl100k_base", "o200k_base"):
    tiktoken.registry.ENCODINGS[name] = tiktoken.Encoding(
        name, pat_str=r"\S+|\s+", mergeable_ranks={bytes([byte]): byte for byte in range(256)}, special_tokens={}
    )

MODEL = "gpt-4o-mini"
TRIALS = 2
# What the SDK adds to a message's bytes when it counts a stream: the role, 3 around it, 3 for the reply, 10 for tools.
STREAM_OVERHEAD = len("user") + 3 + 3 + 10
STREAMED, FAILED = "tell me a story", "this row fails"
ROWS = [
    {"question": "what is the answer", "target": "WHAT IS THE ANSWER"},
    {"question": "who wrote it", "target": "someone else"},
    {"question": STREAMED, "target": "TELL ME A STORY"},
    {"question": FAILED, "target": "never"},
    *({"question": f"what is word {n}", "target": f"WHAT IS WORD {n}"} for n in range(16)),
]


def main() -> None:
    checks = Checks()
    with serving() as base_url:
        run = run_experiment(openai.OpenAI(base_url=base_url, api_key="unused"))
    expected = expectation()
    checks.equal(
        "sdk: roots in the answer to `finished`", len(run.experiment_stats.parent_trace_stats), expected.traces
    )
    for score, values in expected.scores.items():
        checks.near(f"sdk: avg_scores {score}", run.avg_scores[score], Decimal(sum(values)) / len(values), 1e-9)
    share = Decimal(sum(expected.scores["exact"])) / expected.traces
    (listed,) = Parea().list_experiments(ListExperimentUUIDsFilters(experiment_uuids=[run.experiment_uuid]))
    (pinned,) = (stat.value for stat in listed.pinned_stats if stat.var1 == "share_exact")
    checks.near("experiments: what the evaluation of all rows gave", pinned, share, 1e-9)
    compare(checks, run.experiment_uuid, expected)
    compare_roots(checks, run.experiment_uuid)
    checks.equal("summary: traces that know a first token", summary(run.experiment_uuid)["ttft_count"], TRIALS)
    checks.finish()


def run_experiment(client: openai.OpenAI) -> Experiment:
    parea = Parea(project_name="clients")
    parea.wrap_openai_client(client)

    def ask(content: str) -> str:
        answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}])
        return answer.choices[0].message.content

    def stream(content: str) -> str:
        chunks = client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": content}], stream=True
        )
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    def exact(log: Log) -> bool:
        return log.output == log.target

    def judge(log: Log) -> EvaluationResult:
        verdict = ask(f"grade {log.output}")
        return EvaluationResult(name="judge", score=len(verdict) / 100, reason=verdict)

    def length(log: Log) -> int:
        return len(log.output)

    @trace(eval_funcs=[length])
    def generate(question: str) -> str:
        return stream(question) if question == STREAMED else ask(question)

    @trace(eval_funcs=[exact, judge])
    def answer(question: str) -> str:
        text = generate(question)
        if question == FAILED:
            raise ValueError("as planned")
        return text

    def share_exact(logs: list[EvaluatedLog]) -> float:
        return sum(score.score for log in logs for score in log.scores if score.name == "exact") / len(logs)

    experiment = Experiment(
        experiment_name="clients",
        p=parea,
        data=ROWS,
        func=answer,
        n_trials=TRIALS,
        n_workers=4,
        stop_on_error=False,
        dataset_level_evals=[share_exact],
    )
    experiment.run(run_name=f"run-{uuid.uuid4()}")
    return experiment


def expectation() -> Expected:
    expected = Expected(traces=len(ROWS) * TRIALS, failed=TRIALS)
    for row in ROWS * TRIALS:
        question = row["question"]
        read, written = tokens(question)
        expected.call(MODEL, read + (STREAM_OVERHEAD if question == STREAMED else 0), written)
        expected.score("length", written)
        if question != FAILED:
            read, written = tokens(f"grade {question}")
            expected.call(MODEL, read, written)
            expected.score("judge", written / 100)
            expected.score("exact", float(question.upper() == row["target"]))
    return expected


def compare_roots(checks: Checks, experiment_id: str) -> None:
    """Each root by itself; the failed ones are those without a verdict."""
    found = sorted(
        (entry["total_tokens"], len(entry["scores"]), 0 < entry["latency"] < 60) for entry in stats(experiment_id)
    )
    known = []
    for question in [row["question"] for row in ROWS] * TRIALS:
        count = 2 * len(question) + (STREAM_OVERHEAD if question == STREAMED else 0)
        judged = 0 if question == FAILED else 2 * len(f"grade {question}")
        known.append((count + judged, 1 if question == FAILED else 3, True))
    checks.equal("stats: tokens, scores and latency of every root", found, sorted(known))


if __name__ == "__main__":
    main()
