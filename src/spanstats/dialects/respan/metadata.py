"""What Respan's clients say through metadata: the experiment, and what belongs to its rows."""

from typing import Any

from ...domain.span import Span
from ...domain.values import identifier
from ..document import from_value
from ..normalize import text_of

_LABELS = ("comparison_key", "dataset_id")
_NOTHING: dict[str, Any] = {}


def add_from_metadata(span: Span, experiment_id: Any) -> None:
    """Set experiment, comparison key, dataset and target.

    The experiment is that of the metadata, else the given one (attribute or flat key), else the evaluation identifier.
    Raises `InvalidInput` for an experiment id that cannot be one.
    """
    metadata, labels = span.metadata or _NOTHING, span.labels
    if (text := text_of(metadata.get("experiment_id"))) is not None:
        span.experiment_id = identifier(text, "metadata.experiment_id")
    elif (text := text_of(experiment_id)) is not None:
        span.experiment_id = identifier(text, "experiment_id")
    elif (text := text_of(labels.get("evaluation_identifier"))) is not None:
        span.experiment_id = identifier(text, "evaluation_identifier")
    if not metadata:
        return
    for label in _LABELS:
        if label in metadata and label not in labels and (text := text_of(metadata[label])) is not None:
            labels[label] = text
    if span.target is None:
        span.target = from_value(metadata.get("expected_output"))
