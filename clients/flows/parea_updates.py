# /// script
# dependencies = ["parea-ai==0.2.220", "tqdm==4.70.1", "openai==1.109.1"]
# ///
"""Parea's SDK call by call: spans out of order and twice, updates before and after their span, runs that repeat."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import tenacity
from checks import Checks
from expected import Expected, compare, stats, summary
from parea import Parea, parea_logger
from parea.schemas.log import EvaluationResult, LLMInputs
from parea.schemas.models import (
    CreateExperimentRequest,
    ExperimentStatus,
    FinishExperimentRequestSchema,
    TraceLog,
    UpdateLog,
)

START = datetime(2026, 4, 1, tzinfo=UTC)
MODEL = "gpt-4o-mini"


def main() -> None:
    checks = Checks()
    parea = Parea(project_name="clients")
    run = CreateExperimentRequest(name="updates", run_name=f"updates-{uuid.uuid4()}", metadata={"kind": "updates"})
    experiment_id = parea.create_experiment(run).uuid
    checks.equal("an identical experiment is a retry", parea.create_experiment(run).uuid, experiment_id)

    expected = Expected()
    for send in (send_out_of_order, send_twice, update_first, update_last):
        send(experiment_id, expected)
    send_outside_of_experiments()
    compare(checks, experiment_id, expected)

    finish_twice(checks, parea, experiment_id, expected)
    send_out_of_order(experiment_id, expected)
    compare(checks, experiment_id, expected)
    with checks.raises("a used run name is refused", tenacity.RetryError):
        parea.create_experiment(run)
    checks.equal("stats: order of starts", *in_order(stats(experiment_id)))
    tagged = summary(experiment_id, {"metadata__stage": {"operator": "", "value": ["patched"]}})
    checks.equal("summary where an update wrote the metadata: count", tagged["total_count"], 1)
    checks.finish()


def send_out_of_order(experiment_id: str, expected: Expected) -> None:
    """Children arrive first, and name no experiment; a score of each is kept."""
    root = str(uuid.uuid4())
    for number in range(3):
        child = log(root, name=f"child-{number}", scores=[EvaluationResult("depth", number)], **usage(100, 10))
        parea_logger.record_log(child)
        expected.call(MODEL, 100, 10)
        expected.score("depth", number)
    parea_logger.record_log(log(root, root, experiment_id, latency=1.5, scores=[EvaluationResult("depth", 9)]))
    expected.score("depth", 9)
    expected.traces += 1


def send_twice(experiment_id: str, expected: Expected) -> None:
    """A span that comes again counts once; zeros in the repeat erase nothing."""
    root = str(uuid.uuid4())
    whole = log(root, root, experiment_id, scores=[EvaluationResult("exact", 1.0)], latency=0.25, **usage(40, 4))
    for _ in range(3):
        parea_logger.record_log(whole)
    parea_logger.record_log(log(root, root, experiment_id, latency=0.25))
    expected.call(MODEL, 40, 4)
    expected.score("exact", 1.0)
    expected.traces += 1


def update_first(experiment_id: str, expected: Expected) -> None:
    """An update that comes before its span lies over it."""
    root = str(uuid.uuid4())
    parea_logger.update_log(
        UpdateLog(root, {"output": "updated", "scores": [{"name": "exact", "score": 0.5, "reason": None}]})
    )
    parea_logger.record_log(log(root, root, experiment_id, scores=[EvaluationResult("exact", 0.0)], **usage(7, 3)))
    expected.call(MODEL, 7, 3)
    expected.score("exact", 0.5)
    expected.traces += 1


def update_last(experiment_id: str, expected: Expected) -> None:
    """An update replaces what it names, and a repeat of the span does not undo it."""
    root = str(uuid.uuid4())
    span = log(root, root, experiment_id, metadata={"stage": "sent"}, scores=[EvaluationResult("exact", 0.0)])
    parea_logger.record_log(span)
    parea_logger.update_log(
        UpdateLog(root, {"status": "error", "error": "found later", "metadata": {"stage": "patched"}, "scores": []})
    )
    parea_logger.record_log(log(root, root, experiment_id, scores=[EvaluationResult("exact", 0.0)]))
    expected.traces += 1
    expected.failed += 1


def send_outside_of_experiments() -> None:
    root = str(uuid.uuid4())
    parea_logger.record_log(log(root, root, **usage(1000, 1000)))


def finish_twice(checks: Checks, parea: Parea, experiment_id: str, expected: Expected) -> None:
    body = FinishExperimentRequestSchema(ExperimentStatus.COMPLETED, [EvaluationResult("whole", 0.5)])
    for time in ("first", "second"):
        found = parea.finish_experiment(experiment_id, body)
        checks.equal(f"finished for the {time} time: roots", len(found.parent_trace_stats), expected.traces)
        mean = Decimal(sum(expected.scores["exact"])) / len(expected.scores["exact"])
        checks.near(f"finished for the {time} time: a score's mean", found.avg_score("exact"), mean, 1e-9)


def in_order(entries: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Ids as they are, and as they should be: all of these traces start at once, so their ids decide."""
    ids = [entry["trace_id"] for entry in entries]
    return ids, sorted(ids)


def usage(read: int, written: int) -> dict[str, Any]:
    """What the SDK's wrapper of OpenAI notes; the cost is the SDK's own, at the same prices."""
    cost = (read * 0.15 + written * 0.6) / 1_000_000
    return {
        "configuration": LLMInputs(model=MODEL, provider="openai"),
        "input_tokens": read,
        "output_tokens": written,
        "total_tokens": read + written,
        "cost": round(cost, 10),
    }


def log(root: str, trace_id: str | None = None, experiment_id: str | None = None, **fields: Any) -> TraceLog:
    name = fields.pop("name", "row")
    return TraceLog(
        trace_id=trace_id or str(uuid.uuid4()),
        parent_trace_id=root,
        root_trace_id=root,
        start_timestamp=START.isoformat(),
        end_timestamp=(START + timedelta(seconds=1)).isoformat(),
        experiment_uuid=experiment_id,
        trace_name=name,
        status="success",
        **fields,
    )


if __name__ == "__main__":
    main()
