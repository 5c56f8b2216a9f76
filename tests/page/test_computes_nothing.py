"""What the page shows is what the interface answers: screens and templates choose and name, and compute nothing.

What draws may compute: coordinates, scales, the digits of a number, which words of two texts differ.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import nodes

import spanstats.page
from spanstats.page.render import ENVIRONMENT

PAGE = Path(spanstats.page.__file__).parent
SCREENS = sorted(path for path in (PAGE / "screens").glob("*.py") if path.name not in ("__init__.py", "sign_in.py"))
TEMPLATES = sorted(path.name for path in (PAGE / "templates").glob("*.html"))
ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
COMPUTING = {"sum", "min", "max", "sorted", "sort", "abs", "round", "divmod", "pow", "reduce", "accumulate", "Counter"}
MODULES = {"math", "statistics", "numpy", "fractions", "decimal", "collections", "operator", "functools"}
FILTERS = {"sum", "min", "max", "sort", "round", "abs", "int", "float", "groupby", "unique"}
COUNTING = {"length", "count"}


def computed(source: str) -> list[str]:
    """What this module computes: arithmetic, aggregates, orders, and lengths that are not only compared."""
    tree = ast.parse(source)
    compared = {id(side) for n in ast.walk(tree) if isinstance(n, ast.Compare) for side in (n.left, *n.comparators)}
    return [ast.unparse(node) for node in ast.walk(tree) if _computes(node, compared)]


def _computes(node: ast.AST, compared: set[int]) -> bool:
    match node:
        case ast.BinOp(op=op) | ast.AugAssign(op=op):
            return isinstance(op, ARITHMETIC)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return not isinstance(operand, ast.Constant)
        case ast.Call(func=ast.Name(id="len")):
            return id(node) not in compared
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in COMPUTING
        case ast.Import(names=names):
            return any(name.name.split(".")[0] in MODULES for name in names)
        case ast.ImportFrom(module=module, level=0):
            return module in MODULES
    return False


def computed_in(template: str) -> list[str]:
    """What this template computes."""
    tree = ENVIRONMENT.parse(template)
    compared = {id(n.expr) for n in tree.find_all(nodes.Compare)} | {
        id(operand.expr) for operand in tree.find_all(nodes.Operand)
    }
    operators = (nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow, nodes.Neg)
    lines = [f"line {n.lineno}: {type(n).__name__}" for n in tree.find_all(operators)]
    return [*lines, *_filters(tree, compared)]


def _filters(tree: nodes.Template, compared: set[int]) -> Iterator[str]:
    for node in tree.find_all(nodes.Filter):
        if node.name in FILTERS or (node.name in COUNTING and id(node) not in compared):
            yield f"line {node.lineno}: {node.name}"


@pytest.mark.parametrize("module", SCREENS, ids=lambda path: path.stem)
def test_a_screen_computes_nothing(module: Path) -> None:
    assert computed(module.read_text()) == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_computes_nothing(name: str) -> None:
    assert computed_in((PAGE / "templates" / name).read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "best = max(costs)",
        "left = answer['count'] - shown",
        "n = len(found)",
        "share = part / whole",
        "total += cost",
        "found.sort()",
        "ordered = sorted(found, key=cost)",
        "loss = -difference",
        "from collections import Counter",
        "import statistics",
    ],
)
def test_a_computation_in_a_screen_would_be_found(source: str) -> None:
    assert computed(source)


def test_what_is_only_compared_or_written_is_no_computation() -> None:
    assert computed("if len(points) < 2: sentence = f'{name}: {value}'") == []
    assert computed_in("{% if scores | length > 1 %}{{ scores | join(', ') }}{% endif %}") == []


@pytest.mark.parametrize("source", ["{{ a + b }}", "{{ count - 1 }}", "{{ found | length }}", "{{ costs | sum }}"])
def test_a_computation_in_a_template_would_be_found(source: str) -> None:
    assert computed_in(source)
