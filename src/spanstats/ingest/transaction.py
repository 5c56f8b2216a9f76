"""The one write transaction, a step after the other. It is exact for any order of arrival and any number of writers.

Every writer takes locks in one order: tenants, if they may be moved (`store/fences.py`), global span ids (advisory,
sorted), experiments that spans name (shared), traces (in key order), pending scores, evaluators. Under the locks of the
traces it reads the stored spans, merges the new spans into them, and folds every changed trace from its spans.
Experiments that only stored spans name are locked late, after the traces: a deletion, which waits for these locks, has
no other lock.
"""

from dataclasses import dataclass

from ..domain.keys import ExperimentKey, TraceKey
from ..domain.score_blocks import Insertion
from ..domain.trace import Trace, finish
from ..domain.trace_fold import TraceFold
from ..store.erase import erase_spans, erase_traces
from ..store.session import Driver
from ..threads import beside_if_many
from . import changes, reading, score_blocks, standalone
from .batch import Batch
from .evaluators import WrittenEvaluators
from .experiments import lock_experiments
from .identities import lock_of_global_ids
from .lock import Locked, lock
from .merging import Merged, merge_batch
from .moved_traces import report_moved
from .resolve import resolve
from .stored import Stored, fold_trace, load, load_scores, load_whole
from .tools import Tools
from .trace_rows import TraceRows, may_use_blocks, row_of_fold, rows_with_blocks, rows_with_new_blocks


def first_lock(batch: Batch) -> str | None:
    """The statement that `write_batch`'s transaction begins with, if any."""
    return lock_of_global_ids(ids) if (ids := batch.global_ids) else None


@dataclass(frozen=True, slots=True)
class Written:
    """The result of a transaction, which holds once it is committed."""

    evaluators: WrittenEvaluators
    """What `Evaluators.keep` takes."""
    outcomes: standalone.Outcomes


async def write_batch(driver: Driver, batch: Batch, tools: Tools, now_us: int) -> Written:
    """Store the batch within the open transaction, which began with `first_lock`.

    Raises `InvalidInput` where a trace would leave its limits, `asyncpg.UniqueViolationError` where rows of a span are
    stored without its trace: see `Batch.may_be_stored`.
    """
    resolved = await resolve(driver, batch, tools.price, now_us)
    locked = await lock(driver, batch, resolved, tools)
    whole = {score.trace for score in locked.pending} | {key.trace for key in batch.stored_overrides}
    existing = locked.spans.keys() - locked.inserted
    stored = await load(driver, locked.spans, existing, whole, resolved.experiments)
    merged = await merge_batch(driver, stored, batch, resolved.incoming, tools.price)
    merged.overrides |= resolved.overrides
    return await _write(driver, batch, locked, stored, merged, resolved.experiments, tools)


async def _write(
    driver: Driver,
    batch: Batch,
    locked: Locked,
    stored: Stored,
    merged: Merged,
    experiments: set[ExperimentKey],
    tools: Tools,
) -> Written:
    """Write the merged spans, their scores, and the traces that they change."""
    await _write_merged(driver, stored, merged)
    scored, changed, outcomes = merged.changed, merged.changed, standalone.Outcomes()
    are_new = merged.are_new and not batch.may_be_stored
    if locked.pending or batch.scores:
        # Their spans are stored before they are.
        await changes.write(driver, changed, are_new=are_new)
        scores = await standalone.write_scores(driver, locked.pending, batch.scores, stored.spans)
        await load_scores(driver, stored, {score.trace for score in locked.pending})
        stored.to_fold |= scores.traces
        scored, changed, outcomes = scored + standalone.as_spans(locked.pending), [], scores.outcomes
    await _write_traces(driver, stored, changed, experiments, tools, are_new=are_new)
    return Written(await tools.evaluators.upsert(driver, scored), outcomes)


async def _write_merged(driver: Driver, stored: Stored, merged: Merged) -> None:
    """All of it but the spans, which are written together with their traces."""
    await erase_spans(driver, sorted(stored.deleted))
    await changes.upsert_overrides(driver, merged.overrides)
    await changes.delete_own_scores(driver, merged.rescored)
    await changes.move_spans(driver, merged.moved)
    await changes.update_uncounted(driver, merged.recounted)


async def _write_traces(
    driver: Driver,
    stored: Stored,
    changed: changes.Changed,
    experiments: set[ExperimentKey],
    tools: Tools,
    *,
    are_new: bool,
) -> None:
    """Write the spans, fold the changed traces again, and invalidate their minutes, before and now."""
    folds, traces = await _fold_traces(driver, stored, tools)
    deleted = await _lock_new_experiments(driver, stored, traces, experiments)
    if deleted:
        # Their other spans are read again, from the store.
        await changes.write(driver, changed, are_new=are_new)
        changed = []
        traces |= await _fold_without(driver, stored, deleted, tools)
    before = [(trace.experiment_key, trace.start_us) for key, trace in stored.before.items() if key in folds]
    rows = {key: trace.row for key, trace in traces.items()}
    await changes.write(driver, changed, list(rows.values()), before, are_new=are_new)
    blocks = {key: trace.blocks for key, trace in traces.items() if trace.blocks}
    await score_blocks.write(driver, blocks, {key for key, trace in traces.items() if trace.has_new_blocks})
    await report_moved(driver, stored.before, rows)
    await erase_traces(driver, folds.keys() - rows.keys())


async def _fold_traces(
    driver: Driver, stored: Stored, tools: Tools
) -> tuple[dict[TraceKey, TraceFold], dict[TraceKey, TraceRows]]:
    """The traces that the batch changes: their folds, in key order, and the rows of traces that have spans left.

    The scores of a long trace are read only where a new span has some, or another order of theirs.
    """
    before = {
        key: finish(key.trace_id, fold)
        for key, fold in stored.folds.items()
        if key in stored.to_fold and not (fold.has_all_scores or fold.in_blocks)
    }
    folds = await beside_if_many(stored.n_spans_to_fold, _folded, stored)
    rescored = [key for key, trace in before.items() if folds[key].scores or _root_of(folds[key]) != trace.root_span_id]
    for key, scores in (await reading.read_fold_scores(driver, rescored)).items():
        folds[key].scores = scores + folds[key].scores
    blocks = any(map(may_use_blocks, folds.values())) and await score_blocks.may_be_written(driver)
    return folds, await beside_if_many(len(folds), _rows, folds, before, stored.insertions, tools, blocks)


def _rows(
    folds: dict[TraceKey, TraceFold],
    before: dict[TraceKey, Trace],
    insertions: dict[TraceKey, Insertion],
    tools: Tools,
    blocks: bool,
) -> dict[TraceKey, TraceRows]:
    rows = {}
    for key, fold in folds.items():
        if fold.in_blocks:
            rows[key] = rows_with_blocks(key, fold, tools, insertions.get(key))
        elif blocks and may_use_blocks(fold):
            rows[key] = rows_with_new_blocks(key, fold, tools)
        elif fold.n_spans:
            rows[key] = TraceRows(row_of_fold(key, fold, tools, before.get(key)))
    return rows


def _folded(stored: Stored) -> dict[TraceKey, TraceFold]:
    return {key: fold_trace(stored, key) for key in sorted(stored.to_fold)}


def _root_of(fold: TraceFold) -> str | None:
    return None if fold.root is None else fold.root.span_id


async def _lock_new_experiments(
    driver: Driver, stored: Stored, traces: dict[TraceKey, TraceRows], experiments: set[ExperimentKey]
) -> dict[TraceKey, set[ExperimentKey]]:
    """Lock the experiments that traces join; by trace that would join a deleted one, the deleted experiments."""
    locked = experiments | {trace.experiment_key for trace in stored.before.values()}
    unlocked = {key for trace in traces.values() if (key := trace.row.experiment_key) is not None} - locked
    deleted = unlocked - await lock_experiments(driver, unlocked)
    return {key: deleted for key, trace in traces.items() if trace.row.experiment_key in deleted}


async def _fold_without(
    driver: Driver, stored: Stored, deleted: dict[TraceKey, set[ExperimentKey]], tools: Tools
) -> dict[TraceKey, TraceRows]:
    """The rows of these traces, folded again as if no span had named the deleted experiments."""
    await load_whole(driver, stored, deleted.keys())
    for key, experiments in deleted.items():
        for span in stored.spans[key].values():
            span.experiment_key = None if span.experiment_key in experiments else span.experiment_key
    return {key: TraceRows(row_of_fold(key, fold_trace(stored, key), tools)) for key in deleted}
