"""Binding: from names and literals to fields, operators and stored units.

All that can be wrong with a filter is found here, but for the syntax of a regular expression, which the database alone
knows (`patterns.py`). A bound predicate compiles without fail.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from ..domain.values import cut, is_clean
from ..errors import InvalidInput, Problem, invalid
from .field_types import FIELD_TYPES, FieldType, Fit
from .fields import Field, FieldTable
from .operands import any_of, comparison, only_value, two_values
from .operators import OPERATORS, Arity
from .predicate import EVERYTHING, SCORES, Bound, Condition, Group, Junction, Test
from .ranges import one_range

MAX_SCORE_KEY_BYTES = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a filter may be: conditions in all, levels below the first, items of one list."""

    conditions: int = 100
    depth: int = 5
    items: int = 1000


Aliases = Mapping[str, frozenset[str]]
"""The keys of the evaluators that have each name; a name that is absent is its own key."""

NO_ALIASES: Aliases = {}
DEFAULT_LIMITS = Limits()


def bind(
    tree: Group | None, table: FieldTable, aliases: Aliases = NO_ALIASES, limits: Limits = DEFAULT_LIMITS
) -> Bound:
    """The filter over the fields of one table; no filter holds always.

    Raises `InvalidInput` with every problem, each located below its condition at `field`, `operator` or `value`:
    unknown field, operator not of the field's type, wrong number of values, a value that cannot be read, too large.
    """
    if tree is None:
        return EVERYTHING
    _check_size(tree, limits)
    problems: list[Problem] = []
    bound = _group(tree, _Binder(table, aliases, limits.items), problems)
    if problems:
        raise InvalidInput(problems)
    return bound


def _check_size(tree: Group, limits: Limits) -> None:
    """Counted before any work, and without recursion."""
    count, level = 0, [tree]
    for depth in range(limits.depth + 1):
        members = [member for group in level for member in group.members]
        level = [member for member in members if isinstance(member, Group)]
        count += len(members) - len(level)
        if count > limits.conditions:
            raise invalid(f"must have at most {limits.conditions} conditions", *tree.location, code="too_long")
        if level and depth >= limits.depth:
            raise invalid(f"must be nested at most {limits.depth} deep", *tree.location, code="too_deep")
        if not level:
            return


def _group(group: Group, binder: "_Binder", problems: list[Problem]) -> Junction:
    members: list[Bound] = []
    for member in group.members:
        if isinstance(member, Group):
            members.append(_group(member, binder, problems))
            continue
        try:
            bound = binder.condition(member)
            members.append(replace(bound, location=member.location) if isinstance(bound, Test) else bound)
        except InvalidInput as error:
            problems += [problem.under(*member.location) for problem in error.problems]
    return Junction(group.connector, tuple(one_range(members) if group.is_range else members))


@dataclass(frozen=True, slots=True)
class _Binder:
    table: FieldTable
    aliases: Aliases
    max_items: int

    def condition(self, condition: Condition) -> Bound:
        """Problems are located relative to the condition."""
        field, spec = self._field(condition), OPERATORS[condition.operator]
        if field.type not in spec.types:
            raise _misapplied(condition, field)
        negated = spec.negates is not None
        positive = OPERATORS[spec.negates] if spec.negates else spec
        values = condition.values
        match spec.arity:
            case Arity.NONE:
                return Test(field, positive, (), negated)
            case Arity.FLAG:
                flag = FIELD_TYPES[FieldType.BOOLEAN].read(only_value(values), Fit.EXACT)
                return Test(field, positive, (), negated == flag)
            case Arity.ONE:
                return comparison(field, positive, (only_value(values),), negated)
            case Arity.TWO:
                return comparison(field, positive, two_values(values), negated)
            case Arity.MANY:
                self._check_items(values)
                return any_of(field, positive, values, negated)
            case _ as unreachable:
                assert_never(unreachable)

    def _field(self, condition: Condition) -> Field:
        name, key = condition.field, condition.key
        if key is not None and not is_clean(key):
            raise invalid("must not contain NUL or lone surrogates", "field")
        if name == SCORES and key is not None:
            return self.table.scores(self.aliases.get(key) or frozenset({cut(key, MAX_SCORE_KEY_BYTES) or ""}))
        if key is None and name in self.table.fields:
            return self.table.fields[name]
        if key is not None and name in self.table.keyed:
            return self.table.keyed[name](key)
        if name == SCORES or name in self.table.keyed:
            raise invalid(f"{name} needs a key, as in {name}__<key>", "field", code="unknown_field")
        raise invalid(f"unknown field {name[:100]!r}", "field", code="unknown_field")

    def _check_items(self, values: tuple[object, ...]) -> None:
        if len(values) > self.max_items:
            raise invalid(f"must have at most {self.max_items} items", "value", code="too_long")


def _misapplied(condition: Condition, field: Field) -> InvalidInput:
    applicable = ", ".join(name for name, spec in OPERATORS.items() if field.type in spec.types)
    message = f"{condition.operator} does not apply to a {field.type.value} field; what does: {applicable}"
    return invalid(message, "operator", code="operator_not_allowed")
