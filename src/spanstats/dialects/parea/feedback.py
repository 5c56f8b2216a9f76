"""Feedback on a log as a patch of it: what is said later replaces all that was said before."""

from typing import Any

from ...errors import invalid
from .odds import text
from .reading_schema import FeedbackRequest


def feedback_patch(sent: FeedbackRequest, now: str) -> tuple[str, dict[str, Any]]:
    """(id of the log, domain fields). The target stands beside the log's own, which it never replaces.

    `now` is a time as ISO 8601.

    Raises `InvalidInput` where no log is named.
    """
    log_id = sent.trace_id or sent.inference_id
    if not log_id:
        raise invalid("field required", "trace_id", kind="missing")
    return log_id, {
        "attributes": {
            "feedback_score": sent.score,
            "feedback_name": sent.name,
            "feedback_target": text(sent.target),
            "feedback_comment": sent.comment,
            "feedback_at": now,
        }
    }
