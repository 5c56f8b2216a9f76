"""Regular expressions that the database refuses, and those that take it long."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.keys import TenantId
from spanstats.errors import InvalidInput, Unavailable
from spanstats.filters import patterns
from spanstats.filters.bind import bind
from spanstats.filters.operators import Operator
from spanstats.filters.patterns import check_patterns
from spanstats.filters.predicate import Bound, Condition, Group
from spanstats.filters.trace_fields import TRACES
from spanstats.store.session import Database, Kind, Timeouts

pytestmark = pytest.mark.anyio
TENANT = TenantId(1)


def bound(*written: str) -> Bound:
    """Conditions of which the first compares a name as it is, each further one matches a pattern."""
    first = Condition("name", Operator.EQUALS, ("((",), ("body", "filters", 0))
    others = [
        Condition("name", Operator.REGEX, (pattern,), ("body", "filters", number))
        for number, pattern in enumerate(written, 1)
    ]
    return bind(Group("OR", (first, Group("AND", tuple(others), ())), ()), TRACES)


@pytest.mark.parametrize("pattern", ["", "a", "^a+$", "(?i)ab", r"\d{3}", "***=((", "[[:alpha:]]", "(?<=a)b", "\x00"])
@pytest.mark.every_case("the server compiles them")
async def test_what_the_database_compiles_is_accepted(engine: AsyncEngine, pattern: str) -> None:
    await check_patterns(Database(engine), bound("a", pattern))


@pytest.mark.parametrize(
    "pattern",
    ["(", "a{2", "a{300}", "[", "\\", "*", "(?P<x>a)", "[[:letter:]]", "[z-a]", "((a{1,255}){1,255}){1,255}"],
)
@pytest.mark.every_case("the server refuses them")
async def test_what_it_does_not_compile_is_refused_at_its_condition(engine: AsyncEngine, pattern: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await check_patterns(Database(engine), bound("a", pattern, "("))
    (problem,) = caught.value.problems
    assert (problem.location, problem.code) == (("body", "filters", 2, "value"), "regex")
    assert "is no regular expression of the database: " in problem.message
    assert pattern not in problem.message.split(": ", 1)[1] or len(pattern) == 1


async def test_a_pattern_that_takes_long_to_compile_is_refused(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patterns, "_COMPILED_WITHIN", Timeouts(read_s=0.02))
    with pytest.raises(InvalidInput, match="takes too long to compile") as caught:
        await check_patterns(Database(engine), bound("((a{1,255}){1,255}){1,255}"))
    assert caught.value.problems[0].location == ("body", "filters", 1, "value")


async def test_a_match_that_takes_long_ends_with_the_statement_and_holds_up_no_other(engine: AsyncEngine) -> None:
    """Each step of this expression looks ahead to the end, so its time grows with the square of the text."""
    slow = "SELECT repeat('a', 300000) ~ '(?:(?=a+b)a)+c'"
    database = Database(engine).with_timeouts(Timeouts(read_s=0.5))

    async def match() -> None:
        async with database.transaction(Kind.READ) as tx:
            await tx.driver.fetchval(slow)

    matching = asyncio.ensure_future(match())
    answered = 0
    while not matching.done():
        assert (await Database(engine).row("SELECT 1"))[0] == 1
        answered += 1
    with pytest.raises(Unavailable, match="took longer than this service allows"):
        await matching
    assert answered > 1
