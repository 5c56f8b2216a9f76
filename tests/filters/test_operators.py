"""The tables of operators and types are complete, and fit each other."""

import pytest

from spanstats.filters.field_types import ALL, FIELD_TYPES, FieldType
from spanstats.filters.fields import Mixed, SpanField, UniformField
from spanstats.filters.operators import OPERATORS, Arity, Operator, OperatorSpec, Reads
from spanstats.filters.root_fields import ROOTS
from spanstats.filters.span_fields import SPAN_VALUES, SPANS
from spanstats.filters.trace_fields import TRACES

FIELDS = [
    (f"{name} {kind}", spec)
    for kind, table in (("of spans", SPANS), ("of traces", TRACES), ("of roots", ROOTS))
    for name, spec in table.fields.items()
]


def test_every_operator_has_a_row() -> None:
    assert set(OPERATORS) == set(Operator)
    assert all(name is spec.name for name, spec in OPERATORS.items())


def test_every_kind_reads_its_literals() -> None:
    assert set(FIELD_TYPES) == set(FieldType) == ALL


@pytest.mark.parametrize("type_", FieldType)
def test_every_type_can_be_compared_and_tested_for_presence(type_: FieldType) -> None:
    takes = {operator for operator, spec in OPERATORS.items() if type_ in spec.types}
    assert takes >= {Operator.EQUALS, Operator.NOT_EQUALS, Operator.EMPTY, Operator.NOT_EMPTY, Operator.ISNULL}


@pytest.mark.parametrize("spec", OPERATORS.values(), ids=lambda spec: spec.name)
def test_every_operator_fits_its_number_of_values(spec: OperatorSpec) -> None:
    assert spec.types
    assert spec.doc
    assert len(spec.fits) == (2 if spec.arity is Arity.TWO else 1)
    assert (spec.reads is Reads.PRESENCE) == (spec.arity in (Arity.NONE, Arity.FLAG))


@pytest.mark.parametrize("spec", [s for s in OPERATORS.values() if s.negates], ids=lambda spec: spec.name)
def test_a_negation_is_the_same_test_of_a_positive_operator(spec: OperatorSpec) -> None:
    assert spec.negates is not None
    positive = OPERATORS[spec.negates]
    assert positive.negates is None
    assert (spec.build, spec.types, spec.reads, spec.fits) == (
        positive.build,
        positive.types,
        positive.reads,
        positive.fits,
    )


def test_every_field_can_be_read_from_its_scope() -> None:
    for name, spec in FIELDS:
        if isinstance(spec, SpanField | UniformField):
            assert {"tenant_id", "trace_id", "span_id"} <= set(spec.table.c.keys()), (name, spec)


def test_a_value_that_is_no_plain_one_has_the_number_that_ordering_compares() -> None:
    for name in SPAN_VALUES:
        value = SPAN_VALUES[name].value
        assert isinstance(value, Mixed) == (value.type is FieldType.VALUE), name
