# /// script
# dependencies = ["parea-ai==0.2.220", "tqdm==4.70.1", "openai==1.109.1"]
# ///
"""Parea's SDK reads back what it wrote: experiments with statistics, trees, pages, filters, feedback, datasets."""

import os
import uuid
from dataclasses import dataclass
from decimal import Decimal

from checks import Checks
from parea import Parea, trace, trace_insert
from parea.parea_logger import parea_logger
from parea.schemas import (
    EvaluationResult,
    FeedbackRequest,
    FilterOperator,
    ListExperimentUUIDsFilters,
    Log,
    QueryParams,
    TestCaseCollection,
    TraceLogFilters,
    TraceLogTree,
    UpdateLog,
)
from parea.schemas.models import UpdateTestCase
from tenacity import RetryError

NAME = f"reading-{uuid.uuid4().hex[:8]}"
FAILED = "four"
ROWS = [
    {"word": word, "number": str(n), "target": word.upper()} for n, word in enumerate(("one", "two", "three", FAILED))
]


@dataclass
class Known:
    """What the flow knows of its run by itself."""

    uuid: str
    words: tuple[str, ...] = tuple(row["word"] for row in ROWS)

    def lengths(self) -> list[int]:
        """The scores of all `shorten` spans; evals do not run on failed spans, but `shorten` never fails."""
        return [len(word) - 1 for word in self.words]


def length(log: Log) -> int:
    return len(log.output)


def exact(log: Log) -> EvaluationResult:
    return EvaluationResult(name="exact", score=float(log.output == log.target), reason="compared")


@trace(eval_funcs=[length])
def shorten(word: str) -> str:
    return word[:-1]


@trace(eval_funcs=[exact])
def shout(word: str, number: str) -> str:
    trace_insert({"metadata": {"number": number, "even": int(number) % 2 == 0}})
    if word == FAILED:
        shorten(word)
        raise ValueError("as planned")
    return shorten(word).upper() + word[-1].upper()


def main() -> None:
    checks = Checks()
    parea = Parea(project_name=NAME)
    make_dataset(checks, parea)
    run = parea.experiment(NAME, data=NAME, func=shout, n_workers=2, stop_on_error=False, metadata={"flow": "reading"})
    run.run(run_name="from-dataset")
    os.environ.pop("PAREA_EXPERIMENT_UUID", None)
    known = Known(run.experiment_uuid)
    checks.equal("sdk: roots of the run", len(run.experiment_stats.parent_trace_stats), len(ROWS))
    checks.near("sdk: avg_scores exact", run.avg_scores["exact"], 1)
    checks.near("sdk: avg_scores length", run.avg_scores["length"], mean(known.lengths()), 1e-9)
    listed(checks, parea, known)
    trees = parea.get_experiment_trace_logs(known.uuid)
    whole_trees(checks, parea, trees)
    filtered(checks, parea, known, trees)
    paged(checks, parea, trees)
    told_afterwards(checks, parea, trees[0])
    checks.finish()


def mean(values: list[int]) -> Decimal:
    return Decimal(sum(values)) / len(values)


def make_dataset(checks: Checks, parea: Parea) -> None:
    checks.equal("dataset: none before it is made", parea.get_collection(NAME), None)
    parea.create_test_collection(ROWS[:2], name=NAME)
    parea.create_test_collection(ROWS[:2], name=NAME)
    parea.add_test_cases(ROWS[2:], name=NAME)
    parea.add_test_cases(ROWS[2:], name=NAME)
    made = parea.get_collection(NAME)
    checks.equal(
        "dataset: rows, in order, once", [case.inputs["word"] for case in made.testcases], [r["word"] for r in ROWS]
    )
    checks.equal("dataset: columns", sorted(made.column_names), ["number", "word"])
    checks.equal("dataset: by its id", parea.get_collection(made.id), made)
    first = made.testcases[0]
    parea.update_test_case(made.id, first.id, UpdateTestCase(target="ONE", tags=["changed"]))
    for case, row in zip(made.testcases[1:], ROWS[1:], strict=True):
        parea.update_test_case(made.id, case.id, UpdateTestCase(target=row["target"]))
    changed: TestCaseCollection = parea.get_collection(NAME)
    checks.equal(
        "dataset: targets as changed", list(changed.get_all_test_case_targets()), [row["target"] for row in ROWS]
    )
    kept = [case.inputs for case in changed.testcases]
    checks.equal("dataset: inputs as they were", kept, [{"word": r["word"], "number": r["number"]} for r in ROWS])
    checks.equal("dataset: tags as changed", [case.tags for case in changed.testcases], [["changed"], [], [], []])


def listed(checks: Checks, parea: Parea, known: Known) -> None:
    one = parea.get_experiment(known.uuid)
    checks.equal(
        "experiment: name, run, status", (one.name, one.run_name, one.status.value), (NAME, "from-dataset", "failed")
    )
    metadata = {"flow": "reading", "Dataset": NAME}
    checks.equal("experiment: metadata and samples", (one.metadata, one.num_samples), (metadata, len(ROWS)))
    means = {stat.var1: stat.value for stat in one.pinned_stats}
    checks.near("experiment: pinned mean of length", means["length"], mean(known.lengths()), 1e-9)
    checks.near("experiment: pinned mean of exact", means["exact"], 1)
    entries = parea.get_experiment_stats(known.uuid).parent_trace_stats
    checks.near(
        "experiment: pinned latency is that of its stats", means["Latency"], sum(e.latency for e in entries) / 4, 1e-9
    )
    for what, filters in {
        "project": ListExperimentUUIDsFilters(project_name=NAME),
        "name": ListExperimentUUIDsFilters(experiment_name_filter=NAME[3:]),
        "metadata": ListExperimentUUIDsFilters(project_name=NAME, metadata_filter={"flow": "reading"}),
        "run": ListExperimentUUIDsFilters(project_name=NAME, run_name_filter="data"),
    }.items():
        checks.equal(f"experiments: by {what}", parea.list_experiments(filters), [one])
    nothing = ListExperimentUUIDsFilters(project_name=NAME, metadata_filter={"flow": "other"})
    checks.equal("experiments: none", parea.list_experiments(nothing), [])


def whole_trees(checks: Checks, parea: Parea, trees: list[TraceLogTree]) -> None:
    checks.equal("trees: one for each row", sorted(t.inputs["word"] for t in trees), sorted(r["word"] for r in ROWS))
    for tree in trees:
        word = tree.inputs["word"]
        names = [child.trace_name for child in tree.children_logs]
        expected = ["shorten"] if word == FAILED else ["shorten", "exact"]
        checks.equal(f"tree {word}: children in order", names, expected)
        (shortened, *_) = tree.children_logs
        checks.equal(f"tree {word}: below them", [c.trace_name for c in shortened.children_logs], ["length"])
        checks.equal(f"tree {word}: output of the child", shortened.output, word[:-1])
        scores = parea.get_trace_log_scores(tree.trace_id, check_context=False)
        known = {"length": len(word) - 1} | ({} if word == FAILED else {"exact": 1.0})
        checks.equal(f"tree {word}: scores of all its logs", {s.name: s.score for s in scores}, known)
        checks.equal(f"tree {word}: the same one by one", parea.get_trace_log(tree.trace_id), tree)
    failed = next(tree for tree in trees if tree.inputs["word"] == FAILED)
    checks.that("tree of the failed row: status and error", failed.status == "error" and "as planned" in failed.error)


def filtered(checks: Checks, parea: Parea, known: Known, trees: list[TraceLogTree]) -> None:
    operators = FilterOperator
    for what, filters, words in (
        ("error exists", TraceLogFilters("error", None, operators.EXISTS, None), {FAILED}),
        ("inputs.word equals", TraceLogFilters("inputs", "word", operators.EQUALS, "two"), {"two"}),
        ("inputs.word in", TraceLogFilters("inputs", "word", operators.IN, "two, three"), {"two", "three"}),
        (
            "metadata.even not_equals",
            TraceLogFilters("metadata", "even", operators.NOT_EQUALS, "true"),
            {"two", FAILED},
        ),
        ("score:length", TraceLogFilters("score:length", None, operators.GRATER_THAN, "2.5"), {"three", FAILED}),
        ("a bare score name", TraceLogFilters("exact", None, operators.EQUALS, "1.0"), {"one", "two", "three"}),
        ("output like", TraceLogFilters("output", None, operators.LIKE, "tHr"), {"three"}),
        ("target is null", TraceLogFilters("target", None, operators.IS_NULL, None), set()),
        ("latency below a minute", TraceLogFilters("latency", None, operators.LESS_THAN, "60"), set(known.words)),
    ):
        found = parea.get_experiment_trace_logs(known.uuid, filters)
        checks.equal(f"filter: {what}", {tree.inputs["word"] for tree in found}, words)
        checks.that(f"filter: {what}: whole trees", all(tree in trees for tree in found))


def paged(checks: Checks, parea: Parea, trees: list[TraceLogTree]) -> None:
    found: list[TraceLogTree] = []
    for number in (1, 2, 3):
        page = parea.get_trace_logs(QueryParams(project_name=NAME, page=number, page_size=3))
        checks.equal(f"page {number}: totals", (page.total, page.total_pages, page.page), (len(ROWS), 2, number))
        found += page.results
    newest_first = sorted(trees, key=lambda tree: (tree.start_timestamp, tree.trace_id), reverse=True)
    checks.equal("pages: every tree once, newest first", found, newest_first)
    failed = parea.get_trace_logs(QueryParams(project_name=NAME, status="error", time_range="1h"))
    checks.equal("page: failed ones of the last hour", [t.inputs["word"] for t in failed.results], [FAILED])


def told_afterwards(checks: Checks, parea: Parea, tree: TraceLogTree) -> None:
    before = parea.get_experiment_stats(tree.experiment_uuid)
    parea.record_feedback(
        FeedbackRequest(trace_id=tree.trace_id, score=0.7, name="user", target="other", comment="fine")
    )
    parea_logger.update_log(UpdateLog(trace_id=tree.trace_id, field_name_to_value_map={"output": "replaced"}))
    after = parea.get_trace_log(tree.trace_id)
    checks.equal(
        "feedback: its score and comment", (after.feedback_score, [c.comment for c in after.comments]), (0.7, ["fine"])
    )
    checks.equal("feedback: the log's own target stays", after.target, tree.target)
    checks.equal("update: output", after.output, "replaced")
    checks.equal("update: all else as it was", after.children_logs, tree.children_logs)
    checks.equal("feedback and update: stats as they were", parea.get_experiment_stats(tree.experiment_uuid), before)
    with checks.raises("an unknown log is an error", RetryError):
        parea.get_trace_log("nowhere")


if __name__ == "__main__":
    main()
