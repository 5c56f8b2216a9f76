"""What Citus 13 refuses in a schema that it distributes, found in a statement by PostgreSQL's own parser.

Where a test sends such a statement on behalf of the program, it fails (`conftest.py`). Statements that tests write
themselves, and migrations, may have any form: a shard is migrated before it is distributed.
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import asyncpg
from pglast import ast, parse_sql
from pglast.enums.parsenodes import CTEMaterialize

import spanstats

_PROGRAM = str(Path(spanstats.__file__).parent)
_LIBRARIES = ("/asyncpg/", "/sqlalchemy/", "/tests/distributed.py", "/contextlib.py", "<frozen")
# Their value changes within or between transactions, or with a setting: Citus wants what is IMMUTABLE there.
_NOT_IMMUTABLE = {"now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "random", "timezone"}
_OF_AGGREGATES = {"array_agg", "jsonb_agg", "json_agg"}


_OF_NOTHING = "FROM|WHERE|GROUP|HAVING|WINDOW|UNION|INTERSECT|EXCEPT|ORDER|LIMIT|OFFSET|FETCH|FOR|INTO"
_MAY_BE_REFUSED = re.compile(
    rf"\bINSERT\b|\bTRIGGER\b|_agg\b|--|/\*|\bSELECT\s*(?:$|[);]|(?:{_OF_NOTHING})\b)", re.IGNORECASE
)
"""What is in every statement that is refused. Most have none of it, and need not be parsed."""


def refusals(sql: str) -> list[str]:
    """Why Citus would refuse the statements; empty where it takes them."""
    reasons: list[str] = []
    if not _MAY_BE_REFUSED.search(sql):
        return reasons
    for statement in parse_sql(sql):
        ctes = [node for node in _nodes(statement) if isinstance(node, ast.CommonTableExpr)]
        for node in _nodes(statement):
            reasons += _refused_of(node, ctes)
    return reasons


def _refused_of(node: ast.Node, ctes: Sequence[ast.CommonTableExpr]) -> Iterator[str]:
    if isinstance(node, ast.SelectStmt) and not (node.targetList or node.valuesLists or node.larg):
        yield "a SELECT of nothing: write SELECT 1"
    if isinstance(node, ast.InsertStmt):
        for name in sorted(_sources(node.selectStmt, ctes)):
            yield f"INSERT ... SELECT from {name}: select it in a MATERIALIZED CTE"
    if isinstance(node, ast.OnConflictClause):
        for name in sorted({_called(part) for part in _nodes(node.targetList)} & _NOT_IMMUTABLE):
            yield f"{name}() in ON CONFLICT: insert it, and use excluded"
    of_records = isinstance(node, ast.FuncCall) and any(isinstance(each, ast.RowExpr) for each in node.args or ())
    if of_records and _called(node) in _OF_AGGREGATES:
        yield "an aggregate of records: aggregate each column"
    if isinstance(node, ast.CreateTrigStmt):
        yield f"the trigger {node.trigname}"


def _nodes(tree: Any) -> Iterator[ast.Node]:
    """The tree's nodes, the root first."""
    if isinstance(tree, ast.Node):
        yield tree
        for name in tree:
            yield from _nodes(getattr(tree, name))
    elif isinstance(tree, tuple):
        for part in tree:
            yield from _nodes(part)


def _called(node: ast.Node) -> str:
    """The function that the node calls, empty where it is no call."""
    if isinstance(node, ast.SQLValueFunction):
        return "now"
    return str(node.funcname[-1].sval) if isinstance(node, ast.FuncCall) and node.funcname else ""


def _sources(select: ast.Node | None, ctes: Sequence[ast.CommonTableExpr]) -> set[str]:
    """Names of tables that the rows come from, also through joins, subqueries and CTEs that are not computed apart."""
    inlined = {cte.ctename: cte.ctequery for cte in ctes if not _is_apart(cte)}
    apart = {cte.ctename for cte in ctes if _is_apart(cte)}
    tables = _tables(select) - apart
    while reached := tables & inlined.keys():
        tables = (tables - reached).union(*(_tables(inlined.pop(name)) for name in reached)) - apart
    return tables


def _tables(tree: ast.Node | None) -> set[str]:
    return {str(node.relname) for node in _nodes(tree) if isinstance(node, ast.RangeVar)}


def _is_apart(cte: ast.CommonTableExpr) -> bool:
    """Whether it is computed on its own: it says so, or it writes."""
    says_so = cte.ctematerialized == CTEMaterialize.CTEMaterializeAlways
    return says_so or not isinstance(cte.ctequery, ast.SelectStmt)


class Refused(AssertionError):
    """The program sent a statement that Citus refuses."""


@cache
def _refused(sql: str) -> tuple[str, ...]:
    try:
        return tuple(refusals(sql))
    except Exception:
        # What is no SQL, PostgreSQL reports.
        return ()


def refuse_in_program(exempt: frozenset[str]) -> None:
    """Have every statement of the program looked at as it is sent; modules by these names are exempt."""
    for name in ("_get_statement", "execute"):
        setattr(asyncpg.Connection, name, _looking(getattr(asyncpg.Connection, name), exempt))


def _looking(send: Callable[..., Any], exempt: frozenset[str]) -> Callable[..., Any]:
    def looked_at(self: Any, query: str, *args: Any, **kwargs: Any) -> Any:
        reasons = _refused(query)
        if reasons and (sender := _sender(sys._getframe(1))) is not None and sender not in exempt:
            raise Refused(f"{sender}: {'; '.join(reasons)}: {query}")
        return send(self, query, *args, **kwargs)

    return looked_at


def _sender(frame: FrameType | None) -> str | None:
    """The module of the program that sends, `None` where that is a test or a migration."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_PROGRAM):
            return name.removeprefix(_PROGRAM).strip("/")
        if not any(library in name for library in _LIBRARIES):
            return None
        frame = frame.f_back
    return None
