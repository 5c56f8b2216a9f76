"""A log as it is encoded, and the same log as it is described."""

import msgspec

from spanstats.dialects.parea.log_shape import Log, LogScore
from spanstats.dialects.parea.reading_schema import TraceLogTree
from spanstats.dialects.parea.schema import EvaluationScoreSchema

OURS = {"usage_counted"}
"""Not in Parea's API; descriptions have what Parea's have."""


def names(struct: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(struct)}


def test_every_described_field_of_a_log_is_encoded_and_only_ours_is_not_described() -> None:
    assert names(Log) - TraceLogTree.model_fields.keys() == OURS
    assert TraceLogTree.model_fields.keys() <= names(Log)


def test_scores_are_described_as_they_are_encoded() -> None:
    assert names(LogScore) == set(EvaluationScoreSchema.model_fields)
