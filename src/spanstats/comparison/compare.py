"""One base and its candidates compared, in one snapshot."""

import asyncio
from collections.abc import Sequence
from fractions import Fraction

from ..columnar.reader import Columns
from ..domain.keys import TenantId
from ..errors import invalid
from ..stats.summary import evaluators_of
from ..store.session import Database, Kind, Transaction
from .arms import Found, find_arms
from .chosen import Chosen, EvaluatorKeys, choose
from .correction import CORRECTIONS
from .measures import NUMBERS, Measure, Number, Scores
from .pairs import ArmCounts, Paired, pair
from .reading import ArmTraces, Plan, read_traces
from .request import Margin, Request
from .results import ArmResult, CandidateResult, Comparison, MeasureResult, Warned
from .significance import paired_test, relative, welch_test
from .sums import ArmSums
from .texts import agreements
from .totals import Totals, totals_of, traces_with_scores, with_squares
from .verdicts import conclude
from .warn import warnings_of


async def compare(
    columns: Columns,
    database: Database,
    tenant_id: TenantId,
    request: Request,
    evaluators: EvaluatorKeys,
) -> Comparison:
    """Compare the arms of the request.

    Raises `NotFound` and `InvalidInput` that name the arm or field, `Unavailable`.
    """
    async with database.transaction(Kind.SNAPSHOT) as tx:
        as_of_us: int = await tx.driver.fetchval("SELECT now()")
        base, *candidates = await find_arms(tx, tenant_id, [request.base, *request.candidates])
        more = _more_than_summed(request)
        totals = [await totals_of(columns, tx, arm, more) for arm in (base, *candidates)]
        check_sizes(request, (base, *candidates), totals)
        chosen = choose(request, totals, evaluators)
        plan = _plan(request, chosen)
        of_base = None if plan is None else await read_traces(tx, base, plan)
        compared = [
            await _candidate(tx, request, chosen, (base, totals[0]), (candidate, totals[i]), plan, of_base)
            for i, candidate in enumerate(candidates, 1)
        ]
        keys = {m.key for m in (*chosen.measures, *chosen.texts) if isinstance(m, Scores)}
        known = await evaluators_of(tx, tenant_id, sorted(keys))
    results = [candidate for _, candidate in compared]
    tests = _conclude(request, results)
    warnings = _warnings(request, (base, *candidates), results, chosen)
    return Comparison(as_of_us, compared[0][0], results, request.correction, tests, request.confidence, known, warnings)


def _more_than_summed(request: Request) -> list[Measure]:
    return [NUMBERS[name] for name in request.measures or () if name in NUMBERS]


def check_sizes(request: Request, arms: Sequence[Found], totals: Sequence[Totals]) -> None:
    """Raises `InvalidInput` naming an arm that has more traces than are paired."""
    if request.pair_by is None:
        return
    for found, total in zip(arms, totals, strict=True):
        if total.traces > request.most_traces:
            message = f"has {total.traces} traces, and at most {request.most_traces} can be paired: narrow the window, "
            raise invalid(f"{message}filter, or pair_by none", "body", *found.arm.at.split("."), kind="too_many")


def _plan(request: Request, chosen: Chosen) -> Plan | None:
    """`None` where arms are not to be paired."""
    if request.pair_by is None:
        return None
    return Plan(chosen.measures, request.pair_by, request.cluster_by, request.zero_for_missing)


async def _candidate(
    tx: Transaction,
    request: Request,
    chosen: Chosen,
    base: tuple[Found, Totals],
    candidate: tuple[Found, Totals],
    plan: Plan | None,
    of_base: ArmTraces | None,
) -> tuple[ArmResult, CandidateResult]:
    """The base's result beside the candidate's."""
    if plan is None or of_base is None:
        return await _unpaired(tx, request, chosen, base, candidate)
    of_candidate = await read_traces(tx, candidate[0], plan)
    # It takes a part of a second, in which others want to go on.
    paired = await asyncio.to_thread(pair, of_base, of_candidate, plan, chosen.margins)
    if not paired.pairing.both:
        return await _unpaired(tx, request, chosen, base, candidate, paired)
    measures = []
    for i, (measure, sums) in enumerate(zip(chosen.measures, paired.sums, strict=True)):
        one, other = (
            totals.of(measure, items.with_value[i])
            for (_, totals), items in ((base, paired.base), (candidate, paired.candidate))
        )
        outcome, change = paired_test(sums, request.confidence), relative(sums, request.confidence)
        kind = _kind(measure, base[1], candidate[1])
        measures.append(MeasureResult(measure, kind, one, other, outcome, sums, change, paired.margins[i]))
    texts = await agreements(tx, base[0], candidate[0], plan.pair_by, chosen.texts)
    found = CandidateResult(_arm(candidate, paired.candidate), paired.pairing, measures, texts)
    return _arm(base, paired.base), found


async def _unpaired(
    tx: Transaction,
    request: Request,
    chosen: Chosen,
    base: tuple[Found, Totals],
    candidate: tuple[Found, Totals],
    paired: Paired | None = None,
) -> tuple[ArmResult, CandidateResult]:
    squared = [await with_squares(tx, found, totals, chosen.measures) for found, totals in (base, candidate)]
    scored = [await traces_with_scores(tx, found, chosen.measures) for found, _ in (base, candidate)]
    measures = []
    for measure, margin in zip(chosen.measures, chosen.margins, strict=True):
        one, other = (
            totals.of(measure, with_score.get(measure.key, 0) if isinstance(measure, Scores) else 0)
            for totals, with_score in zip(squared, scored, strict=True)
        )
        outcome = welch_test(one, other, request.confidence)
        size = None if margin is None else _of_mean(margin, one)
        kind = _kind(measure, base[1], candidate[1])
        measures.append(MeasureResult(measure, kind, one, other, outcome, None, None, size))
    one_arm = _arm(base, None if paired is None else paired.base)
    other_arm = _arm(candidate, None if paired is None else paired.candidate)
    return one_arm, CandidateResult(other_arm, None if paired is None else paired.pairing, measures)


def _arm(arm: tuple[Found, Totals], items: ArmCounts | None) -> ArmResult:
    found, totals = arm
    counted = (None, None, None) if items is None else (items.items, items.without_key, items.without_root)
    return ArmResult(found.arm.experiment_id, totals.traces, totals.failed, *counted)


def _kind(measure: Measure, base: Totals, candidate: Totals) -> str:
    if isinstance(measure, Number):
        return measure.kind
    return "boolean" if base.is_boolean(measure.key) and candidate.is_boolean(measure.key) else "number"


def _of_mean(margin: Margin, base: ArmSums) -> Fraction | None:
    if not margin.of_base:
        return margin.size
    return None if base.mean is None else margin.size * abs(base.mean)


def _conclude(request: Request, candidates: Sequence[CandidateResult]) -> int:
    """Correct all p values together and conclude; how many they are."""
    results = [result for candidate in candidates for result in candidate.measures]
    tested = [result for result in results if result.outcome.p_value is not None]
    p_values = [p for r in tested if (p := r.outcome.p_value) is not None]
    for result, adjusted in zip(tested, CORRECTIONS[request.correction](p_values), strict=True):
        result.p_adjusted = adjusted
    for result in results:
        result.conclusion = conclude(
            result.outcome,
            result.difference,
            result.p_adjusted,
            result.n,
            higher_is_better=result.measure.higher_is_better,
            margin=result.margin,
            confidence=request.confidence,
            identical=result.paired is not None and result.paired.dd == 0,
        )
    return len(tested)


def _warnings(
    request: Request, arms: Sequence[Found], candidates: Sequence[CandidateResult], chosen: Chosen
) -> list[Warned]:
    warnings = []
    if arms[0].running:
        warnings.append(_unfinished(arms[0], None))
    if chosen.left_out:
        warnings.append(Warned("measures_left_out", f"{chosen.left_out} scores were left out: name them in `measures`"))
    for place, (found, candidate) in enumerate(zip(arms[1:], candidates, strict=True)):
        if found.running:
            warnings.append(_unfinished(found, place))
        if request.pair_by is not None and candidate.pairing is not None and not candidate.pairing.both:
            message = "No item is in both arms: means of all traces were compared instead"
            warnings.append(Warned("no_common_items", message, place))
        warnings += warnings_of(place, candidate)
    return warnings


def _unfinished(found: Found, place: int | None) -> Warned:
    message = f"{found.arm.experiment_id} is still running: whoever looks often enough sees a difference by chance"
    return Warned("unfinished", message, place)
