"""One trace with the tree of its spans: what each span says of its time, and which spans are shown."""

from typing import Any

import httpx
import pytest

from ..api.test_respan import flat, ingest

pytestmark = pytest.mark.anyio

PATH = "/api/stats/v1/experiments/run/traces/t"
TREE = {"a": None, "b": "a", "c": "b", "d": "a", "e": "missing"}
"""Spans by the names of their parents; `e` has lost its own."""


def span(name: str, second: int, **fields: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "span_unique_id": name,
        "span_parent_id": TREE[name],
        "span_name": name,
        "start_time": f"2026-11-20T10:00:{second:02d}Z",
        "latency": 1.5,
        "metadata": {"experiment_id": "run"},
    }
    return flat("t", **(defaults | fields))


async def read(client: httpx.AsyncClient, path: str = PATH, **query: Any) -> dict[str, Any]:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def names(spans: list[dict[str, Any]]) -> list[Any]:
    return [(span["span_id"], names(span["children"])) for span in spans]


async def five_spans(client: httpx.AsyncClient) -> None:
    """`a` begins at 10 s and takes 8 s; `b` begins before it; `e` ends last."""
    spans = [span("a", 10, latency=8), span("b", 9), span("c", 11), span("d", 12, latency=0.25), span("e", 30)]
    await ingest(client, *spans)


async def test_spans_say_when_they_begin_and_how_long_they_take(client: httpx.AsyncClient) -> None:
    await five_spans(client)
    content = await read(client)
    (top,) = content["spans"]
    assert names([top]) == [("a", [("b", [("c", [])]), ("d", []), ("e", [])])]
    times = {s["span_id"]: (s["begins_after"], s["takes"]) for s in (top, *top["children"])}
    assert times == {"a": (1.0, 8.0), "b": (0.0, 1.5), "d": (3.0, 0.25), "e": (21.0, 1.5)}
    assert content["takes"] == 22.5
    assert (content["began"], content["ended"]) == ("2026-11-20T10:00:09+00:00", "2026-11-20T10:00:31.500000+00:00")
    assert (content["shown"], content["not_shown"]) == (5, 0)


@pytest.mark.parametrize("most", range(1, 7))
async def test_of_many_spans_the_first_are_shown_with_their_parents(client: httpx.AsyncClient, most: int) -> None:
    await five_spans(client)
    content = await read(client, max_spans=most)
    shown = [name for (top,) in [names(content["spans"])] for name in _walked(top)]
    assert shown == ["a", "b", "c", "d", "e"][:most]
    assert (content["shown"], content["not_shown"]) == (min(most, 5), max(0, 5 - most))
    # The extent is that of all spans.
    assert content["takes"] == 22.5


def _walked(node: Any) -> list[str]:
    return [node[0], *(name for child in node[1] for name in _walked(child))]


async def test_only_spans_that_are_shown_are_read_with_their_content(client: httpx.AsyncClient) -> None:
    await ingest(client, span("a", 10, input="question"), span("b", 11, input={"n": 1}), span("c", 12, output="x" * 20))
    (top,) = (await read(client, max_spans=1))["spans"]
    assert (top["input"], top["children"]) == ("question", [])
    (top,) = (await read(client, preview_length=7))["spans"]
    assert (top["input"], top["cut"]) == ("questio", ["input"])
    (child,) = top["children"]
    assert (child["input"], child["cut"]) == ({"n": 1}, [])
    (child,) = child["children"]
    assert (child["output"], child["cut"]) == ("xxxxxxx", ["output"])


async def test_scores_and_numbers_are_those_of_the_log(client: httpx.AsyncClient) -> None:
    await five_spans(client)
    score = {"evaluator_slug": "right", "boolean_value": True}
    assert (await client.post("/api/logs/b/scores/", json=score)).status_code == 201
    content, log = await read(client), await read(client, "/api/v2/experiments/run/logs/t/")
    assert content["trace"]["scores"] == log["scores"] != {}
    assert content["trace"]["latency"] == log["duration"]
    spans = {s["span_id"]: s for s in _spans(content["spans"])}
    for other in _spans(log["span_tree"]):
        one = spans[other["id"]]
        assert one["scores"] == other["scores"]
        assert (one["latency"], one["cost"], one["name"]) == (other["duration"], other["total_cost"], other["name"])


def _spans(tree: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [span for top in tree for span in (top, *_spans(top["children"]))]


@pytest.mark.parametrize(
    "query", [{"max_spans": 0}, {"max_spans": 3001}, {"max_depth": 101}, {"preview_length": "x"}, {"most": 1}]
)
async def test_wrong_options_are_refused(client: httpx.AsyncClient, query: dict[str, Any]) -> None:
    assert (await client.get(PATH, params=query)).status_code == 400


async def test_what_is_not_the_experiments_is_not_found(client: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    await five_spans(client)
    await ingest(client, flat("other", span_unique_id="o", metadata={"experiment_id": "other"}))
    for path in (PATH.replace("/t", "/other"), PATH.replace("/t", "/%00"), PATH.replace("run", "nothing")):
        assert (await client.get(path)).status_code == 404, path
    assert (await stranger.get(PATH)).status_code == 404


async def test_ids_with_slashes_are_found(client: httpx.AsyncClient) -> None:
    await ingest(client, flat("t/1", span_unique_id="s/1", metadata={"experiment_id": "run/1"}))
    content = await read(client, "/api/stats/v1/experiments/run%2F1/traces/t%2F1")
    assert content["trace"]["trace_id"] == "t/1"


async def test_however_deep_spans_lie_none_is_lost(client: httpx.AsyncClient) -> None:
    chain = [
        flat(
            "t",
            span_unique_id=f"s{i:04}",
            metadata={"experiment_id": "run"},
            start_time=f"2026-11-20T10:00:00.{i:03}Z",
            span_parent_id=f"s{i - 1:04}" if i else None,
        )
        for i in range(400)
    ]
    await ingest(client, *chain)
    content = await read(client, max_spans=350)
    assert len(_spans(content["spans"])) == content["shown"] == 350
    assert content["not_shown"] == 50
    flatter = await read(client, max_spans=350, max_depth=3)
    assert [s["span_id"] for s in _spans(flatter["spans"])] == [f"s{i:04}" for i in range(350)]
    assert all(not s["children"] for top in flatter["spans"] for child in top["children"] for s in child["children"])
