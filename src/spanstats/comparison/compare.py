"""One base and its candidates compared, in one snapshot."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from ..columnar.reader import Columns
from ..domain.keys import TenantId
from ..errors import Unavailable, invalid
from ..stats.evaluators import evaluators_of
from ..store.session import Database, Kind, Transaction
from .arm_sums import BySum, sums_of_arm
from .arm_traces import ArmTraces, Plan
from .arms import find_arms
from .chosen import Chosen, EvaluatorKeys, choose
from .conclusions import conclude_all
from .measures import NUMBERS, Measure, Scores
from .paired import paired_result
from .pairs import Paired, pair
from .reading import read_traces
from .repeats import has_repeats
from .request import Request
from .results import CandidateResult, Comparison
from .side import Side
from .texts import agreements
from .totals import rolled_up_squares, totals_of
from .unpaired import unpaired_result
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
    async with bounded(database), database.transaction(Kind.FIXED) as tx:
        as_of_us = await tx.as_of()
        sides = await read_sides(columns, tx, tenant_id, request)
        chosen = choose(request, [side.totals for side in sides], evaluators)
        reader = _Reader(columns, tx, request, chosen)
        base = await reader.base(sides[0])
        candidates = [await reader.candidate(base, side) for side in sides[1:]]
        keys = {m.key for m in (*chosen.measures, *chosen.texts) if isinstance(m, Scores)}
        evaluators_by_key = await evaluators_of(tx, tenant_id, sorted(keys))
    results = [result for result, _ in candidates]
    counted = next((paired.base for _, paired in candidates if paired is not None), None)
    tests = conclude_all(request, results)
    warnings = warnings_of(request, [side.arm for side in sides], results, chosen.left_out)
    return Comparison(
        as_of_us,
        sides[0].result(counted),
        results,
        request.correction,
        tests,
        request.confidence,
        evaluators_by_key,
        warnings,
    )


@asynccontextmanager
async def bounded(database: Database) -> AsyncIterator[None]:
    """Raises `Unavailable` where all of a comparison takes longer than one statement of a read may."""
    try:
        async with asyncio.timeout(database.timeouts.read_s or None):
            yield
    except TimeoutError:
        raise Unavailable("the comparison took longer than this service allows: narrow the window or filter") from None


async def read_sides(columns: Columns, tx: Transaction, tenant_id: TenantId, request: Request) -> list[Side]:
    """The base and the candidates with their sums. Raises `NotFound`, and `InvalidInput` where an arm is too large."""
    more: list[Measure] = [NUMBERS[name] for name in request.measures or () if name in NUMBERS]
    arms = await find_arms(tx, tenant_id, [request.base, *request.candidates])
    rolled = await rolled_up_squares(tx, arms)
    await tx.plan_for_values()
    sides = []
    for arm, sums in zip(arms, rolled, strict=True):
        sides.append(Side(arm, await totals_of(columns, tx, arm, more, sums)))
        _check_size(request, sides[-1])
    return sides


def _check_size(request: Request, side: Side) -> None:
    """Raises `InvalidInput` naming an arm that has more traces than are paired."""
    if request.pair_by is not None and side.totals.traces > request.most_traces:
        message = f"has {side.totals.traces} traces, and at most {request.most_traces} can be paired: narrow the window"
        at = side.arm.definition.at.split(".")
        raise invalid(f"{message}, filter, or pair_by none", "body", *at, code="too_many")


@dataclass(frozen=True, slots=True)
class _Base:
    """The base, and its traces where it is paired."""

    side: Side
    traces: ArmTraces | None


@dataclass(frozen=True, slots=True)
class _Reader:
    """What it takes to compare the arms of one request."""

    columns: Columns
    tx: Transaction
    request: Request
    chosen: Chosen
    _sums: dict[int, BySum] = field(default_factory=dict)
    _repeats: dict[int, bool] = field(default_factory=dict)
    """Of each side that was compared as a whole, by its identity: the base is compared with many."""

    @property
    def plan(self) -> Plan | None:
        """`None` where arms are not to be paired."""
        request = self.request
        if request.pair_by is None:
            return None
        return Plan(self.chosen.measures, request.pair_by, request.cluster_by, request.zero_for_missing)

    async def base(self, side: Side) -> _Base:
        plan = self.plan
        return _Base(side, None if plan is None else await read_traces(self.columns, self.tx, side.arm, plan))

    async def candidate(self, base: _Base, side: Side) -> tuple[CandidateResult, Paired | None]:
        """The candidate's result, and how its items meet those of the base."""
        plan = self.plan
        if plan is None or base.traces is None:
            return await self._unpaired(base.side, side, None), None
        of_candidate = await read_traces(self.columns, self.tx, side.arm, plan)
        # It takes a part of a second, in which others want to go on.
        paired = await self.columns.run(partial(pair, base.traces, of_candidate, plan, self.chosen.margins))
        if not paired.pairing.both:
            return await self._unpaired(base.side, side, paired), paired
        texts = await agreements(self.tx, base.side.arm, side.arm, plan.pair_by, self.chosen.texts)
        confidence = self.request.confidence
        work = partial(paired_result, base.side, side, paired, self.chosen, texts, confidence)
        return await self.columns.run(work), paired

    async def _unpaired(self, base: Side, candidate: Side, paired: Paired | None) -> CandidateResult:
        arms = (base, await self._sums_of(base)), (candidate, await self._sums_of(candidate))
        repeats = [await self._has_repeats(side) for side in (base, candidate)] if paired is None else []
        work = partial(unpaired_result, *arms, self.chosen, self.request.confidence, paired, repeats=any(repeats))
        return await self.columns.run(work)

    async def _sums_of(self, side: Side) -> BySum:
        if id(side) not in self._sums:
            self._sums[id(side)] = await sums_of_arm(self.columns, self.tx, side, self.chosen.measures)
        return self._sums[id(side)]

    async def _has_repeats(self, side: Side) -> bool:
        if id(side) not in self._repeats:
            self._repeats[id(side)] = await has_repeats(self.tx, side.arm)
        return self._repeats[id(side)]
