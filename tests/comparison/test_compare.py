"""Comparisons of stored runs, against sums of the spans that were stored."""

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar.reader import Columns
from spanstats.comparison.arms import Arm
from spanstats.comparison.compare import compare
from spanstats.comparison.pairing import PairBy
from spanstats.comparison.request import Margin, Request
from spanstats.comparison.results import Comparison, MeasureResult
from spanstats.comparison.significance import paired_test, relative
from spanstats.domain.item_key import input_key
from spanstats.domain.span import Score, Span
from spanstats.domain.values import MICRO, NANO, PICO
from spanstats.domain.window import Window
from spanstats.filters.disjuncts import Filter
from spanstats.filters.predicate import EVERYTHING
from spanstats.ingest.item_keys import derive_some
from spanstats.store.session import Database
from spanstats.store.tables import traces
from tests.ingest.worlds import START, TENANT, committer

from .oracles import Items, paired_sums

pytestmark = pytest.mark.anyio

AUTO = PairBy("auto")


def random_run(rng: random.Random, experiment: str, *, trials: int, items: int = 30) -> list[Span]:
    """Roots, some items more than once, some never, some without a key; values that may be missing."""
    spans = []
    for item in range(items):
        ids = [f"{experiment}-{item}-{trial}" for trial in range(rng.randrange(trials + 1))]
        spans += [_root(rng, experiment, trace_id, f'{{"item": {item}}}') for trace_id in ids]
    return spans + [_root(rng, experiment, f"{experiment}-none-{n}", None) for n in range(3)]


def _root(rng: random.Random, experiment: str, trace_id: str, document: str | None) -> Span:
    maybe: Callable[[Any], Any] = lambda value: value if rng.random() < 0.8 else None  # noqa: E731
    scores = [Score("exact", float(rng.random() < 0.6), "boolean")] if rng.random() < 0.9 else []
    scores += [Score("quality", round(rng.uniform(-1, 5), 3)) for _ in range(rng.choice((0, 1, 1, 1, 2)))]
    latency = maybe(rng.randrange(10**7))
    return Span(
        trace_id=trace_id,
        span_id=trace_id,
        experiment_id=experiment,
        input=document,
        target=maybe('"yes"'),
        start_us=START + rng.randrange(10**9),
        latency_us=latency,
        cost_pd=maybe(rng.randrange(10**12)),
        prompt_tokens=rng.randrange(1000),
        completion_tokens=0,
        status=rng.choice(("success", "success", "error")),
        metadata={"topic": rng.choice("abc")} if rng.random() < 0.8 else None,
        scores=scores or None,
    )


Values = Callable[[Span], list[int]]
ONE_OF: dict[str, tuple[int, Values]] = {
    "cost": (PICO, lambda s: [] if s.cost_pd is None else [s.cost_pd]),
    "latency": (MICRO, lambda s: [] if s.latency_us is None else [s.latency_us]),
    "prompt_tokens": (1, lambda s: [s.prompt_tokens or 0]),
    "error": (1, lambda s: [int(s.status == "error")]),
    "scores.exact": (NANO, lambda s: scores_of(s, "exact")),
    "scores.quality": (NANO, lambda s: scores_of(s, "quality")),
}


def scores_of(span: Span, key: str) -> list[int]:
    return [round(Fraction(str(s.value)) * NANO) for s in span.scores or () if s.key == key and s.value is not None]


def or_zero(values: Values) -> Values:
    return lambda span: values(span) or [0]


def by_item(spans: list[Span], values: Values) -> Items:
    by_key: dict[str, list[int]] = {}
    for span in spans:
        if span.input is not None:
            by_key.setdefault(input_key(span.input), []).extend(values(span))
    return by_key


async def run(engine: AsyncEngine, request: Request) -> Comparison:
    return await compare(Columns(), Database(engine), TENANT, request, {"exact": {"exact"}, "quality": {"quality"}})


def result(comparison: Comparison, name: str, place: int = 0) -> MeasureResult:
    return next(r for r in comparison.candidates[place].measures if r.measure.name == name)


@pytest.mark.parametrize("trials", [1, 4])
@pytest.mark.parametrize("cluster_by", [None, "metadata.topic"])
async def test_every_measure_is_what_its_values_make_it(
    engine: AsyncEngine, trials: int, cluster_by: str | None
) -> None:
    rng = random.Random(trials)
    runs = {name: random_run(rng, name, trials=trials) for name in ("a", "b", "c")}
    async with committer(engine) as writer:
        for spans in runs.values():
            rng.shuffle(spans)
            await writer.submit(TENANT, spans)
    request = Request(
        Arm("a"), (Arm("b"), Arm("c")), AUTO, cluster_by=cluster_by, margins={"cost": Margin(Fraction(1, 10))}
    )
    comparison = await run(engine, request)
    for place, candidate in enumerate(("b", "c")):
        pairing = comparison.candidates[place].pairing
        keys = [by_item(runs[arm], lambda _: []).keys() for arm in ("a", candidate)]
        assert pairing is not None
        assert (pairing.both, pairing.only_base, pairing.only_candidate) == (
            len(keys[0] & keys[1]),
            len(keys[0] - keys[1]),
            len(keys[1] - keys[0]),
        )
        assert (comparison.base.traces, comparison.base.items, comparison.base.without_key) == (
            len(runs["a"]),
            len(keys[0]),
            3,
        )
        for name, (one, values) in ONE_OF.items():
            a, b = (by_item(runs[arm], values) for arm in ("a", candidate))
            clusters = clusters_of(runs["a"] + runs[candidate]) if cluster_by else None
            margin = Fraction(1, 10) if name == "cost" else Fraction(0)
            expected = paired_sums(a, b, clusters, margin, one)
            found_one = result(comparison, name, place)
            assert found_one.paired is not None
            check_sums(found_one, expected)
            assert found_one.outcome == paired_test(expected, 0.95), name
            assert found_one.relative == relative(expected, 0.95), name
            every = [v for span in runs[candidate] for v in values(span)]
            own = found_one.candidate
            assert (own.n, own.total) == (len(every), sum(every)), name
            assert own.missing == len([span for span in runs[candidate] if not values(span)]), name


def check_sums(of_measure: MeasureResult, expected: Any) -> None:
    ours = of_measure.paired
    assert ours is not None
    for name in ("n", "missing_base", "missing_candidate", "up", "down", "over", "under", "binary"):
        assert getattr(ours, name) == getattr(expected, name), (of_measure.measure.name, name)
    for name in ("a", "b"):
        assert ours.mean(getattr(ours, name)) == expected.mean(getattr(expected, name)), (of_measure.measure.name, name)


def clusters_of(spans: list[Span]) -> dict[str, str]:
    """The least topic of the traces of an item, in either arm; the item itself where none has one."""
    topics_by_key: dict[str, list[str]] = {}
    for span in spans:
        if span.input is not None:
            topics = topics_by_key.setdefault(input_key(span.input), [])
            topics += [] if span.metadata is None else [span.metadata["topic"]]
    return {key: min(topics, default=f"own {key}") for key, topics in topics_by_key.items()}


async def test_swapped_arms_mirror_every_number(engine: AsyncEngine) -> None:
    rng = random.Random(3)
    async with committer(engine) as writer:
        for name in ("a", "b"):
            await writer.submit(TENANT, random_run(rng, name, trials=3))
    there, back = [await run(engine, Request(Arm(x), (Arm(y),), AUTO)) for x, y in (("a", "b"), ("b", "a"))]
    for ours in there.candidates[0].measures:
        theirs = result(back, ours.measure.name)
        assert ours.paired is not None
        assert theirs.paired is not None
        assert ours.difference is None or ours.difference == -(theirs.difference or 0)
        assert (ours.outcome.p_value, ours.p_adjusted) == (theirs.outcome.p_value, theirs.p_adjusted)
        assert (ours.paired.up, ours.paired.down) == (theirs.paired.down, theirs.paired.up)


async def test_every_trace_twice_changes_no_difference_and_no_error(engine: AsyncEngine) -> None:
    rng = random.Random(4)
    runs = {name: random_run(rng, name, trials=2) for name in ("a", "b")}
    async with committer(engine) as writer:
        for name, spans in runs.items():
            await writer.submit(TENANT, spans)
            again = [_copy(span, f"{name}2", f"{span.trace_id}x") for span in spans]
            await writer.submit(TENANT, again)
            await writer.submit(TENANT, [_copy(span, f"{name}2", f"{span.trace_id}y") for span in spans])
    once = await run(engine, Request(Arm("a"), (Arm("b"),), AUTO))
    twice = await run(engine, Request(Arm("a2"), (Arm("b2"),), AUTO))
    for ours in once.candidates[0].measures:
        theirs = result(twice, ours.measure.name)
        assert ours.difference == theirs.difference
        if ours.outcome.method == theirs.outcome.method:
            assert ours.outcome == theirs.outcome


def _copy(span: Span, experiment: str, trace_id: str) -> Span:
    fields = {f: getattr(span, f) for f in Span.__struct_fields__}
    fields |= {"trace_id": trace_id, "span_id": trace_id, "experiment_id": experiment, "experiment_key": None}
    return Span(**fields)


async def test_the_order_of_arrival_changes_nothing(engine: AsyncEngine) -> None:
    rng = random.Random(11)
    runs = {name: random_run(rng, name, trials=3) for name in ("a", "b")}
    async with committer(engine) as writer:
        for name, spans in runs.items():
            await writer.submit(TENANT, spans)
            others = [_copy(span, f"{name}2", f"{span.trace_id}x") for span in rng.sample(spans, len(spans))]
            for start in range(0, len(others), 7):
                await writer.submit(TENANT, others[start : start + 7])
    first = await run(engine, Request(Arm("a"), (Arm("b"),), AUTO))
    second = await run(engine, Request(Arm("a2"), (Arm("b2"),), AUTO))
    assert first.candidates[0].pairing == second.candidates[0].pairing
    for one, other in zip(first.candidates[0].measures, second.candidates[0].measures, strict=True):
        assert one == other


async def test_a_run_against_a_filter_of_itself_differs_in_nothing(engine: AsyncEngine) -> None:
    rng = random.Random(5)
    async with committer(engine) as writer:
        await writer.submit(TENANT, random_run(rng, "a", trials=1))
    every = traces.c.total_tokens >= 0
    filtered = Arm("a", matching=Filter(EVERYTHING, TENANT, [every]))
    margins = {name: Margin(Fraction(1, 1000)) for name in ("cost", "error", "scores.quality", "scores.exact")}
    comparison = await run(engine, Request(Arm("a"), (filtered,), AUTO, margins=margins))
    for ours in comparison.candidates[0].measures:
        assert ours.paired is not None
        assert ours.conclusion is not None
        if ours.paired.n < 2:
            continue
        assert ours.difference == 0
        assert ours.outcome.p_value == 1.0
        assert ours.conclusion.verdict == ("equivalent" if ours.measure.name in margins else "inconclusive")


async def test_an_arm_is_a_window_and_a_filter(engine: AsyncEngine) -> None:
    rng = random.Random(6)
    spans = random_run(rng, "a", trials=2)
    async with committer(engine) as writer:
        await writer.submit(TENANT, spans)
    middle = START + 5 * 10**8
    comparison = await run(engine, Request(Arm("a", Window(None, middle)), (Arm("a", Window(middle, None)),), AUTO))
    arms = [[s for s in spans if (s.start_us or 0) < middle], [s for s in spans if (s.start_us or 0) >= middle]]
    assert (comparison.base.traces, comparison.candidates[0].arm.traces) == tuple(map(len, arms))
    one, values = ONE_OF["latency"]
    a, b = (by_item(arm, values) for arm in arms)
    check_sums(result(comparison, "latency"), paired_sums(a, b, one=one))


async def test_a_missing_score_may_count_as_zero(engine: AsyncEngine) -> None:
    rng = random.Random(7)
    runs = {name: random_run(rng, name, trials=2) for name in ("a", "b")}
    async with committer(engine) as writer:
        for spans in runs.values():
            await writer.submit(TENANT, spans)
    comparison = await run(engine, Request(Arm("a"), (Arm("b"),), AUTO, zero_for_missing=True))
    for name in ("scores.exact", "scores.quality"):
        one, values = ONE_OF[name]
        a, b = (by_item(runs[arm], or_zero(values)) for arm in ("a", "b"))
        check_sums(result(comparison, name), paired_sums(a, b, one=one))
    one, values = ONE_OF["cost"]
    a, b = (by_item(runs[arm], values) for arm in ("a", "b"))
    check_sums(result(comparison, "cost"), paired_sums(a, b, one=one))


async def test_many_different_counts_of_traces_are_exact_enough(engine: AsyncEngine) -> None:
    """Their least common multiple has hundreds of digits."""
    rng = random.Random(8)
    base = [_root(rng, "a", f"a{n}-{t}", f"{n}") for n in range(60, 110) for t in range(n)]
    candidate = [_root(rng, "b", f"b{n}", f"{n}") for n in range(60, 110)]
    async with committer(engine) as writer:
        await writer.submit(TENANT, base)
        await writer.submit(TENANT, candidate)
    of_measure = result(await run(engine, Request(Arm("a"), (Arm("b"),), AUTO)), "prompt_tokens")
    a, b = (by_item(arm, ONE_OF["prompt_tokens"][1]) for arm in (base, candidate))
    expected = paired_sums(a, b)
    assert float(of_measure.difference or 0) == float(expected.mean(expected.b - expected.a) or 0)
    test = paired_test(expected, 0.95)
    assert (of_measure.outcome.std_error, of_measure.outcome.p_value) == pytest.approx(
        (test.std_error, test.p_value), rel=1e-12
    )
    assert of_measure.paired is not None
    assert (of_measure.paired.up, of_measure.paired.down) == (expected.up, expected.down)


async def test_traces_that_wait_for_their_keys_are_counted(engine: AsyncEngine) -> None:
    rng = random.Random(9)
    async with committer(engine) as writer:
        for name in ("a", "b"):
            await writer.submit(TENANT, random_run(rng, name, trials=1))
    async with engine.connect() as connection:
        await connection.execute(text("UPDATE traces SET item_key = NULL WHERE trace_id LIKE 'a-%'"))
    comparison = await run(engine, Request(Arm("a"), (Arm("b"),), AUTO))
    assert comparison.base.without_key == comparison.base.traces
    assert {w.code for w in comparison.warnings} >= {"no_common_items"}
    assert result(comparison, "latency").outcome.method == "welch"
    while await derive_some(Database(engine), 7):
        pass
    comparison = await run(engine, Request(Arm("a"), (Arm("b"),), AUTO))
    assert comparison.base.without_key == 3
    assert result(comparison, "latency").outcome.method == "paired_t"


async def test_arms_as_a_whole_have_their_sums_and_squares(engine: AsyncEngine) -> None:
    rng = random.Random(10)
    runs = {name: random_run(rng, name, trials=1) for name in ("a", "b")}
    async with committer(engine) as writer:
        for spans in runs.values():
            await writer.submit(TENANT, spans)
    comparison = await run(engine, Request(Arm("a"), (Arm("b"),), None))
    for name, (_, values) in ONE_OF.items():
        ours = result(comparison, name)
        for arm, sums in (("a", ours.base), ("b", ours.candidate)):
            every = [v for span in runs[arm] for v in values(span)]
            having = len([span for span in runs[arm] if values(span)])
            expected = (len(every), sum(every), sum(v * v for v in every), having, len(runs[arm]) - having)
            assert (sums.n, sums.total, sums.squares, sums.traces, sums.missing) == expected, name


async def test_items_whose_ids_are_equal_numbers_are_paired(engine: AsyncEngine) -> None:
    ids: dict[str, list[Any]] = {"a": [1, 2.0, "3", 4.5, True], "b": [1.0, 2, 3, 4.5, 1]}
    async with committer(engine) as writer:
        for name, of_run in ids.items():
            spans = [_root(random.Random(n), name, f"{name}-{n}", None) for n in range(len(of_run))]
            for span, value in zip(spans, of_run, strict=True):
                span.metadata = {"item": value}
            await writer.submit(TENANT, spans)
    comparison = await run(engine, Request(Arm("a"), (Arm("b"),), PairBy("metadata.item")))
    pairing = comparison.candidates[0].pairing
    assert pairing is not None
    # As with every other id, the text "3" is the number 3: SDKs differ in what they make of an id.
    assert (pairing.both, pairing.only_base, pairing.only_candidate) == (4, 1, 0)
