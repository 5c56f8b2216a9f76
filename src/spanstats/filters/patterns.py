"""Regular expressions in filters: what the database refuses. What is refused before it sees one: `operators.py`.

They are PostgreSQL's, under the collation "C": letters and their case are those of ASCII on every server.
PostgreSQL runs them as automata, in time that grows with the text. Only a back-reference makes it search, for which no
bound is known, so it is refused. What takes long all the same ends with the statement timeout.
"""

from ..errors import InvalidInput, Location, Unavailable, invalid
from ..store.outages import is_cancelled
from ..store.session import Database, Kind, Timeouts
from .predicate import Bound, each_test

_COMPILED_WITHIN = Timeouts(read_s=2)
_COMPILE = """SELECT '' ~ ($1::text COLLATE "C")"""


async def check_patterns(database: Database, predicate: Bound) -> None:
    """Have the database compile each regular expression of a bound filter: it alone knows its syntax.

    Raises `InvalidInput` located at the `value` of the first condition that it refuses, and `Unavailable`.
    """
    for test in each_test(predicate):
        if test.operator.is_pattern:
            (pattern,) = test.operands
            await _compile(database.with_timeouts(_COMPILED_WITHIN), pattern, test.location)


async def _compile(database: Database, pattern: str, location: Location) -> None:
    try:
        async with database.transaction(Kind.READ) as tx:
            await tx.driver.fetchval(_COMPILE, pattern)
    except InvalidInput as error:
        raise InvalidInput([problem.under(*location, "value") for problem in error.problems]) from error
    except Unavailable as error:
        if not is_cancelled(error):
            raise
        raise invalid("takes too long to compile", *location, "value", code="regex") from error
