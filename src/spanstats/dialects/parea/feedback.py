"""Feedback on a log as an override of its span: later feedback replaces all earlier feedback."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from ...errors import invalid
from .coerce import text
from .schema import Content, Key, Name, one_of


class FeedbackRequest(BaseModel):
    """What a user thought of a log. One of the ids is needed."""

    model_config = one_of(
        {"trace_id": "string", "inference_id": "string"},
        score=0.9,
        trace_id="a7ff3914-e9a8-4ccc-bb69-b1ff1a7277d7",
        comment="good",
    )

    score: float = Field(ge=0, le=1, strict=False, allow_inf_nan=False)
    trace_id: Key | None = None
    inference_id: Key | None = None
    name: Name | None = None
    target: Annotated[Any, Content] = Field(
        None, description="Text, or any JSON value; taken as the log's target where it has none."
    )
    comment: Annotated[str, Content] | None = None


def feedback_patch(feedback: FeedbackRequest, now: str) -> tuple[str, dict[str, Any]]:
    """(id of the log, domain fields). The target is kept beside the log's own, which it never replaces.

    `now` is a time as ISO 8601.

    Raises `InvalidInput` where no log is named.
    """
    log_id = feedback.trace_id or feedback.inference_id
    if not log_id:
        raise invalid("field required", "trace_id", code="missing")
    return log_id, {
        "attributes": {
            "feedback_score": feedback.score,
            "feedback_name": feedback.name,
            "feedback_target": text(feedback.target),
            "feedback_comment": feedback.comment,
            "feedback_at": now,
        }
    }
