"""Kinds of read, each with requests that differ from each other, over what `traces_sent.py` sends."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from .load import Request
from .server import KEY
from .traces_sent import EXPERIMENTS, Ids

_OF_STATS = f"/api/stats/v1/experiments/{EXPERIMENTS[0]}"
_OF_RUN = f"/api/v2/experiments/{EXPERIMENTS[0]}"
_OF_PAREA = "/api/parea/v1"
_SPANS, _LOGS = "/api/request-logs/list/", f"{_OF_RUN}/logs/list/"
_USERS = [f"user-{n}" for n in range(0, 900, 45)]
_SUMS = ["cost.sum", "latency.mean", "scores.judge.mean"]


@dataclass(frozen=True, slots=True)
class Read:
    """`is_new` where the version before packing has no such read."""

    name: str
    requests: list[Request]
    is_new: bool = False


def reads(ids: Sequence[Ids]) -> list[Read]:
    """All kinds."""
    return [*_of_spans(ids), *_of_logs(ids), *_of_experiments(), *_of_insights(ids)]


def _of_spans(ids: Sequence[Ids]) -> list[Read]:
    return [
        _read("newest page of 20 spans", [_get(f"{_SPANS}?page_size=20")]),
        _read("newest page of 100 spans", [_get(f"{_SPANS}?page_size=100")]),
        _read("a later page of spans", [_get(f"{_SPANS}?page_size=20&page={n}") for n in range(20, 40)]),
        _read("the slowest spans", [_get(f"{_SPANS}?page_size=20&sort_by=-latency")]),
        _read("spans by a frequent value of metadata", [_filtered(_SPANS, "metadata__env", "", "prod")]),
        _read("spans by a rare value of metadata", [_filtered(_SPANS, "metadata__user", "", user) for user in _USERS]),
        _read("spans by a text in metadata", [_filtered(_SPANS, "metadata__user", "contains", "ER-77")]),
        _read("spans by a text in the error", [_filtered(_SPANS, "error_message", "contains", "none")]),
        _read("spans by a text in the model", [_filtered(_SPANS, "model", "contains", "4O-MINI")]),
        _read("spans by a number", [_filtered(_SPANS, "prompt_tokens", "gt", 890)]),
        _read("a page by a span id", [_filtered(_SPANS, "span_unique_id", "", each.call) for each in ids]),
        _read("spans of a trace, by filter", [_filtered(_SPANS, "trace_unique_id", "", each.trace) for each in ids]),
        _read("a span by its id", [_get(f"/api/request-logs/{each.call}/") for each in ids]),
        _read("a root by its id", [_get(f"/api/request-logs/{each.root}/") for each in ids]),
        _read("summary of spans", [_get("/api/request-logs/summary/")]),
        _read("summary of spans by metadata", [_filtered("/api/request-logs/summary/", "metadata__env", "", "prod")]),
        _read("scores of a log", [_get(f"/api/logs/{each.root}/scores/") for each in ids]),
    ]


def _of_logs(ids: Sequence[Ids]) -> list[Read]:
    of_run = f"{_OF_PAREA}/experiment/{EXPERIMENTS[0]}/trace_logs"
    return [
        _read("trace log of Parea, of a root", [_get(f"{_OF_PAREA}/trace_log/{each.root}") for each in ids]),
        _read("trace log of Parea, of a call", [_get(f"{_OF_PAREA}/trace_log/{each.call}") for each in ids]),
        _read("logs of an experiment, Parea, by metadata", [_parea(of_run, "metadata", user) for user in _USERS]),
        _read("logs of an experiment, Parea, by input", [_parea(of_run, "inputs", "no such text")]),
        _read("newest page of a project's logs, Parea", [_post(f"{_OF_PAREA}/get_trace_logs", _PROJECT)]),
        _read(
            "logs of a project, Parea, by output",
            [_post(f"{_OF_PAREA}/get_trace_logs", _PROJECT | _condition("output", "returns"))],
        ),
        _read("newest page of 20 logs", [_get(f"{_LOGS}?page_size=20")]),
        _read("newest page of 20 logs with spans", [_get(f"{_LOGS}?page_size=20&detail=1")]),
        _read("newest page of 100 logs", [_get(f"{_LOGS}?page_size=100")]),
        _read("logs by metadata", [_filtered(_LOGS, "metadata__user", "", user) for user in _USERS]),
        _read("logs by a score", [_filtered(_LOGS, "scores__judge", "gte", 0.9)]),
        _read("logs by the name of any span", [_filtered(_LOGS, "span_name", "", "rerank")]),
        _read("a log by its id", [_get(f"{_OF_RUN}/logs/{each.trace}/") for each in ids]),
    ]


def _of_experiments() -> list[Read]:
    summary = f"{_OF_RUN}/logs/summary/"
    return [
        _read("stats of an experiment", [_get(f"{_OF_PAREA}/experiment/{EXPERIMENTS[0]}/stats")]),
        _read("experiments", [_get("/api/v2/experiments/list/")]),
        _read("experiments of Parea with figures", [_post(f"{_OF_PAREA}/experiments", {})]),
        _read("summary", [_get(summary)]),
        _read("summary by the model", [_filtered(summary, "model", "contains", "mini")]),
        _read("summary by metadata", [_filtered(summary, "metadata__env", "", "prod")]),
        _read("summary by a span's parent", [_filtered(summary, "span_parent_id", "contains", "00a")]),
    ]


def _of_insights(ids: Sequence[Ids]) -> list[Read]:
    base, candidate = ({"experiment_id": name} for name in EXPERIMENTS)
    compared = {"base": base, "candidates": [candidate], "pair_by": "metadata.user"}
    by_env = {"group_by": "metadata.env", "measures": _SUMS}
    by_span = {"unit": "span", "measures": ["cost.sum"]}
    return [
        _new("newest page of 20 traces", [_post("/api/traces/list/?page_size=20", {})]),
        _new("a trace by its id", [_get(f"/api/traces/{each.trace}/") for each in ids]),
        _new("figures of a run", [_post(_OF_STATS, {"measures": _SUMS})]),
        _new("breakdown by metadata", [_post(f"{_OF_STATS}/breakdown", by_env)]),
        _new("breakdown by span name", [_post(f"{_OF_STATS}/breakdown", {"group_by": "span_name", **by_span})]),
        _new("worst traces of a run", [_post(f"{_OF_STATS}/traces", {"sort_by": "-latency", "limit": 20})]),
        _new("tree of a trace", [_get(f"{_OF_STATS}/traces/{each.trace}") for each in ids]),
        _new("keys of a run", [_get(f"{_OF_STATS}/keys")]),
        _new("comparison of two runs", [_post("/api/stats/v1/compare", compared)]),
        _new("rows of a comparison", [_post("/api/stats/v1/compare/rows", compared | {"measure": "scores.judge"})]),
    ]


_PROJECT: dict[str, Any] = {"project_name": "default", "page_size": 20}


def _read(name: str, requests: list[Request]) -> Read:
    return Read(name, requests)


def _new(name: str, requests: list[Request]) -> Read:
    return Read(name, requests, is_new=True)


def _get(path: str) -> Request:
    return Request.make("GET", quote(path, safe="/?=&%:"), KEY)


def _post(path: str, body: object) -> Request:
    return Request.make("POST", path, KEY, json.dumps(body).encode())


def _filtered(path: str, field: str, operator: str, value: object) -> Request:
    query = "?page_size=20" if path.endswith("/list/") else ""
    return _post(path + query, {"filters": {field: {"operator": operator, "value": [value]}}})


def _parea(path: str, field: str, value: str) -> Request:
    return _post(path, _condition(field, value, "user" if field == "metadata" else None))


def _condition(field: str, value: str, key: str | None = None) -> dict[str, Any]:
    operator = "equals" if key else "like"
    return {"filter_field": field, "filter_key": key, "filter_operator": operator, "filter_value": value}
