"""On what Parea's own readers of trees break, rule by rule."""

from typing import Any


def walk(tree: dict[str, Any], depth: int = 0) -> list[tuple[dict[str, Any], int]]:
    """Every log of a tree with its depth."""
    return [(tree, depth), *(below for child in tree["children_logs"] for below in walk(child, depth + 1))]


NOT_NULL = {
    "scores": list,
    "children": list,
    "children_logs": list,
    "images": list,
    "comments": list,
    "annotations": dict,
    "depth": int,
    "execution_order": int,
    "cache_hit": bool,
    "trace_id": str,
    "parent_trace_id": str,
    "root_trace_id": str,
    "start_timestamp": str,
    "configuration": dict,
}
TEXT_OR_NULL = (
    "output",
    "target",
    "error",
    "status",
    "trace_name",
    "end_timestamp",
    "project_uuid",
    "experiment_uuid",
    "session_id",
    "end_user_identifier",
    "deployment_id",
    "output_for_eval_metrics",
)
NUMBER_OR_NULL = ("latency", "cost", "time_to_first_token", "feedback_score")
COUNT_OR_NULL = ("input_tokens", "output_tokens", "total_tokens")


def assert_readable(tree: dict[str, Any]) -> None:
    """Every rule on which Parea's SDKs break, for every log of a tree."""
    for log, _ in walk(tree):
        for name, kind in NOT_NULL.items():
            assert type(log[name]) is kind, (name, log[name])
        for name in TEXT_OR_NULL:
            assert log[name] is None or type(log[name]) is str, (name, log[name])
        for name in NUMBER_OR_NULL:
            assert log[name] is None or type(log[name]) in (int, float), (name, log[name])
        for name in COUNT_OR_NULL:
            assert log[name] is None or type(log[name]) is int, (name, log[name])
        assert log["inputs"] is None or type(log["inputs"]) is dict
        assert log["metadata"] is None or type(log["metadata"]) is dict
        assert all(type(score["score"]) in (int, float) and score["name"] is not None for score in log["scores"])
        assert all(type(item) is str for name in ("children", "tags") for item in log[name] or [])
        configuration = log["configuration"]
        assert None not in configuration.values()
        assert type(configuration.get("model_params", {})) is dict
        assert configuration.get("messages") != []
        assert all(type(m["role"]) is type(m["content"]) is str for m in configuration.get("messages", []))
        assert all({"comment", "user_id", "created_at"} <= comment.keys() for comment in log["comments"])
        assert all("url" in image for image in log["images"])
        assert all(int(number) >= 0 for number in log["annotations"])
