"""Every screen with real, odd and no data: valid HTML without scripts, every input labelled, every link answers."""

import asyncio
import re
from collections import Counter
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx
import pytest

from spanstats.errors import Unavailable
from spanstats.insights import experiment_figures, listing, preparing
from spanstats.insights.trace_tree import find_trace_tree

from . import world
from .conftest import Filled, parsed, sign_in, unsigned

pytestmark = pytest.mark.anyio

EXECUTED = {"script", "style", "iframe", "object", "embed"}


ODD = urlencode({"id": world.HOSTILE})
SCREENS = [
    "/ui/",
    "/ui/?search=candidate",
    "/ui/?search=nothing-is-called-so",
    "/ui/?search=%00%0d%0a",
    "/ui/run?id=base",
    "/ui/run?id=base&by=metadata.topic&list=failed",
    "/ui/run?id=base&f=model&op=%3D&v=gpt-4o&f=latency&op=gt&v=1.2&add=1",
    "/ui/run?id=base&f=model&op=%3D&v=no-such-model",
    f"/ui/run?{ODD}",
    "/ui/compare?base=base&candidate=candidate",
    "/ui/compare?base=base&candidate=candidate&measure=cost&show=all",
    "/ui/compare?run=candidate&run=base&measure=scores.correct&margin=0.01",
    f"/ui/compare?base=base&{urlencode({'candidate': world.HOSTILE})}",
    "/ui/compare?base=base&candidate=candidate&f=model&op=%3D&v=no-such-model",
    "/ui/compare?base=base",
    f"/ui/compare?base=base&candidate=candidate&{urlencode({'candidate': world.HOSTILE})}&of=1&show=only_base",
    "/ui/compare?base=base&candidate=candidate&pair_by=none",
    "/ui/trace?run=base&id=base-9",
    f"/ui/trace?{urlencode({'run': world.HOSTILE, 'id': 'odd-2'})}",
]


@pytest.mark.parametrize("path", SCREENS)
async def test_a_screen_is_valid_safe_and_labelled(filled: Filled, path: str) -> None:
    answer = await filled.browser.get(path)
    assert answer.status_code == 200, answer.text
    tree = parsed(answer.text)
    for element in tree.iter():
        assert "style" not in element.attrib
        assert not [name for name in element.attrib if name.startswith("on")]
        if element.tag in EXECUTED:
            assert element.tag == "script"
            assert element.get("src", "").startswith("/ui/static/")
            assert not element.text
    labelled = {label.get("for") for label in tree.iter("label")}
    for kind in ("input", "select", "textarea"):
        for element in tree.iter(kind):
            if element.get("type") != "hidden":
                assert element.get("id") in labelled or element.get("aria-label"), element.attrib
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert len(list(tree.iter("h1"))) == 1


async def test_every_link_of_every_screen_answers(filled: Filled) -> None:
    visited, waiting, kinds = set[str](), list(SCREENS), Counter[tuple[str, ...]]()
    while waiting:
        path = waiting.pop(0)
        # Links of one kind differ in the values of their query.
        kind = (urlsplit(path).path, *sorted({name for name, _ in parse_qsl(urlsplit(path).query)}))
        if path in visited or kinds[kind] == _OF_A_KIND:
            continue
        visited.add(path)
        kinds[kind] += 1
        answer = await filled.browser.get(path)
        assert answer.status_code == 200, (path, answer.text[:2000])
        if path.startswith(("/ui/static", "/docs")):
            continue
        if kinds[kind] == 1:
            parsed(answer.text)
        for link in links(answer.text):
            target = urlsplit(urljoin(path, link))
            assert not target.netloc
            waiting.append(target.path + (f"?{target.query}" if target.query else ""))
    assert len(visited) > 2 * len(SCREENS)


_OF_A_KIND = 2


def links(html: str) -> list[str]:
    """What the document links to, found ten times as quickly as by parsing it to the letter."""
    return [unescape(link) for link in re.findall(r"""<a\b[^>]*?\shref=["']([^"']*)["']""", html)]


async def test_what_is_hostile_is_text(filled: Filled) -> None:
    for path in (f"/ui/run?{ODD}", f"/ui/trace?{urlencode({'run': world.HOSTILE, 'id': 'odd-2'})}", "/ui/"):
        html = (await filled.browser.get(path)).text
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert(1)" in html
        assert "49" not in html.split("{{7*7}}")[0][-5:]


@pytest.mark.parametrize("patience_s", [60, 0])
async def test_another_tenants_screens_are_not_found(
    filled: Filled, monkeypatch: pytest.MonkeyPatch, patience_s: float
) -> None:
    monkeypatch.setattr("spanstats.page.parts.PATIENCE_S", patience_s)
    html = parsed((await filled.browser.get("/ui/compare?base=base&candidate=candidate")).text)
    item = next(link.get("href") for link in html.iter("a") if (link.get("href") or "").startswith("/ui/item"))
    browser = unsigned(filled.browser)
    await sign_in(browser, filled.strangers_key)
    compare = "/ui/compare?base=base&candidate=candidate"
    for path in ("/ui/run?id=base", compare, "/ui/trace?run=base&id=base-9", item):
        answer = await browser.get(path)
        assert answer.status_code == 404
        assert "Not found" in answer.text


async def test_without_a_key_every_screen_leads_to_the_sign_in_and_back(
    visitor: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    answer = await visitor.get("/ui/run?id=a%2Fb&f=x")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/ui/sign-in?next=%2Fui%2Frun%3Fid%3Da%252Fb%26f%3Dx"


async def test_a_revoked_key_is_forgotten(visitor: httpx.AsyncClient) -> None:
    visitor.cookies.set("spanstats_key", "never-was-valid", path="/ui")
    answer = await visitor.get("/ui/")
    assert answer.status_code == 303
    assert "reason=key" in answer.headers["location"]
    assert "Max-Age=0" in answer.headers["set-cookie"]


async def test_a_new_service_says_how_to_begin(browser: httpx.AsyncClient) -> None:
    html = (await browser.get("/ui/")).text
    assert "No runs yet" in html
    assert "PAREA_BASE_URL=http://test/api/parea/v1" in html
    assert "RESPAN_BASE_URL=http://test/api" in html


async def test_a_wrong_filter_names_the_condition(filled: Filled) -> None:
    answer = await filled.browser.get("/ui/run?id=base&f=model&op=%3D&v=x&f=no_such_field&op=%3D&v=1")
    assert answer.status_code == 400
    html = parsed(answer.text)
    assert "no_such_field is 1: unknown field" in " ".join(
        "".join(html.find(".//div[@role='alert']").itertext()).split()
    )
    # The form keeps what was asked for.
    assert [box.get("value") for box in html.iter("input") if box.get("name") == "f"] == ["model", "no_such_field"]
    compared = await filled.browser.get("/ui/compare?base=base&candidate=candidate&f=no_such_field&op=%3D&v=1")
    (alert,) = parsed(compared.text).findall(".//div[@role='alert']")
    assert "".join(alert.itertext()).count("unknown field") == 1


async def test_a_filter_that_matches_nothing_says_which_condition_did_it(filled: Filled) -> None:
    html = (await filled.browser.get("/ui/run?id=base&f=model&op=%3D&v=none&f=latency&op=gt&v=0")).text
    assert "No trace of this run matches" in html
    lines = [" ".join("".join(item.itertext()).split()) for item in parsed(html).iter("li")]
    assert "model is none matches no trace at all. Without it: 60 traces." in lines
    assert "latency above 0 alone matches 60 traces. Without it: 0 traces." in lines


async def test_conditions_that_only_together_match_nothing_are_shown_with_what_each_leaves(filled: Filled) -> None:
    html = (await filled.browser.get("/ui/run?id=base&f=status&op=%3D&v=error&f=scores__correct&op=%3D&v=1")).text
    lines = [" ".join("".join(item.itertext()).split()) for item in parsed(html).iter("li")]
    assert any(line.startswith("status is error alone matches 6 traces. Without it: ") for line in lines)


async def test_a_comparison_of_no_trace_says_which_run_has_none_and_which_condition_did_it(filled: Filled) -> None:
    compared = "/ui/compare?base=base&candidate=candidate&f=model&op=%3D&v=none&f=latency&op=gt&v=0"
    html = parsed((await filled.browser.get(compared)).text)
    text = " ".join("".join(html.find(".//div[@class='empty']").itertext()).split())
    assert "base and candidate have no trace that matches model is none and latency above 0" in text
    assert "model is none matches no trace at all. Without it: 60 traces." in text
    assert html.find(".//table") is None
    assert html.find(".//ul[@class='verdicts']") is None
    without = next(link.get("href") for link in html.iter("a") if link.text == "Without it")
    assert html.find(".//a[@href='/ui/compare?base=base&candidate=candidate']").text == "Compare all traces"
    assert parsed((await filled.browser.get(without)).text).find(".//ul[@class='verdicts']") is not None


async def test_a_warning_on_a_measure_has_its_name_apart_and_where_no_item_is_common_that_is_said_once(
    filled: Filled,
) -> None:
    odd = urlencode({"candidate": world.HOSTILE})
    html = parsed((await filled.browser.get(f"/ui/compare?base=base&{odd}")).text)
    warnings = html.findall(".//div[@class='notice warn small']//li")
    texts = ["".join(warning.itertext()) for warning in warnings]
    assert sum("in both arms" in text for text in texts) == 1
    of_measures = [warning for warning in warnings if "no value in some arm" in "".join(warning.itertext())]
    assert of_measures
    assert {warning.find("bdi").text for warning in of_measures} <= {
        "cost",
        "latency",
        "output speed",
        "correct",
        "relevance",
    }


async def test_a_comparison_that_is_refused_says_why_and_what_else_to_ask(filled: Filled) -> None:
    answer = await filled.browser.get("/ui/compare?base=base&candidate=candidate&measure=cost&margin=much")
    assert answer.status_code == 400
    html = parsed(answer.text)
    text = " ".join("".join(html.itertext()).split())
    assert "margins" in text
    assert any("pair_by=none" in (link.get("href") or "") for link in html.iter("a"))
    assert html.find(".//select[@id='pair_by']") is not None


async def test_runs_that_are_not_paired_are_compared_without_items(filled: Filled) -> None:
    html = (await filled.browser.get("/ui/compare?base=base&candidate=candidate&pair_by=none")).text
    assert "Not paired" in html
    assert "missing:" not in html
    assert 'id="items"' not in html


async def test_the_filter_proposes_the_metadata_keys_and_scores_of_the_run(filled: Filled) -> None:
    html = (await filled.browser.get("/ui/run?id=base")).text
    proposed = {option.get("value") for option in parsed(html).find(".//datalist").iter("option")}
    assert {"model", "metadata__topic", "scores__correct"} <= proposed


async def test_the_page_shows_the_calls_that_it_made(
    filled: Filled,
) -> None:
    html = (await filled.browser.get("/ui/compare?base=base&candidate=candidate")).text
    commands = [e.text for e in parsed(html).iter("pre") if e.text and e.text.startswith("curl")]
    assert any(
        "/api/stats/v1/compare'" in c or c.endswith("/api/stats/v1/compare") or "/compare -H" in c for c in commands
    )
    assert filled.key not in html


async def test_the_first_screen_is_small(filled: Filled) -> None:
    pages = [await filled.browser.get(path) for path in ("/ui/", "/ui/static/style.css", "/ui/static/page.js")]
    assert sum(len(answer.content) for answer in pages) <= 60 * 1024


@pytest.mark.parametrize(
    ("query", "measure", "shown"),
    [
        ("base=base&candidate=candidate", "cost", "worsened"),
        ("base=candidate&candidate=base", "correct", "worsened"),
        ("base=base&candidate=candidate&measure=scores.correct", "correct", "worsened"),
        ("base=base&candidate=candidate&measure=total_tokens", "tokens", "equal"),
        ("base=candidate&candidate=base&measure=cost", "cost", "improved"),
        ("base=base&candidate=candidate&show=all", "cost", "all"),
    ],
)
async def test_a_comparison_opens_on_the_first_measure_that_got_worse_and_on_items_that_did(
    filled: Filled, query: str, measure: str, shown: str
) -> None:
    html = parsed((await filled.browser.get(f"/ui/compare?{query}")).text)
    heading = html.find(".//h2[@id='items']")
    assert "".join(heading.itertext()).split()[-1] == measure
    chosen = [link for link in html.iter("a") if link.get("aria-current") == "true"]
    assert [(link.text or "").strip() for link in chosen] == [shown]


async def test_while_figures_are_prepared_the_page_says_how_much_is_left(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def half_done(_driver: object, experiments: list[int]) -> dict[int, preparing.Preparing]:
        return {key: preparing.Preparing(40_000 if i == 0 else 0, 50_000) for i, key in enumerate(experiments)}

    for module in (listing, experiment_figures):
        monkeypatch.setattr(module, "find_preparing", half_done)
    runs = parsed((await filled.browser.get("/ui/")).text)
    rows = ["".join(row.itertext()) for row in runs.find(".//form[@data-compare]").iter("tr")][1:]
    assert ["being prepared: 40\u202f000 minutes of traces left" in row for row in rows] == [True, False, False]
    run = parsed((await filled.browser.get("/ui/run?id=base")).text)
    assert "40\u202f000 minutes" in "".join(run.itertext())
    assert run.find(".//dl") is None

    async def columns_alone(_driver: object, experiments: list[int]) -> dict[int, preparing.Preparing]:
        return {key: preparing.Preparing(0, 50_000) for key in experiments}

    monkeypatch.setattr(experiment_figures, "find_preparing", columns_alone)
    run = parsed((await filled.browser.get("/ui/run?id=base")).text)
    assert "50\u202f000 minutes" in "".join(run.itertext())
    assert run.find(".//dl") is not None


async def test_of_several_candidates_an_overview_shows_all_and_the_chosen_one_is_shown_whole(filled: Filled) -> None:
    both = f"base=base&candidate=candidate&{urlencode({'candidate': world.HOSTILE})}"
    for of, name in ((0, "candidate"), (1, world.HOSTILE)):
        html = parsed((await filled.browser.get(f"/ui/compare?{both}&of={of}")).text)
        overview = html.find(".//div[@aria-label='All candidates']")
        assert ["".join(head.itertext()) for head in overview.iter("th")][1:3] == ["candidate", world.HOSTILE]
        assert [section.get("aria-label") for section in html.iter("section")] == [name]


async def test_the_measures_of_a_comparison_can_be_named(filled: Filled) -> None:
    html = parsed((await filled.browser.get("/ui/compare?base=base&candidate=candidate&measures=cost,+latency")).text)
    rows = html.find(".//div[@aria-label='Measures of candidate']").findall(".//tbody/tr/th//bdi")
    assert [row.text for row in rows] == ["cost", "latency"]


async def test_a_score_that_is_chosen_comes_first_and_says_which_traces_are_worst(filled: Filled) -> None:
    html = parsed((await filled.browser.get("/ui/run?id=base&score=scores.relevance&list=worst")).text)
    assert next(html.find(".//div[@class='grid']").iter("bdi")).text == "relevance"
    heads = ["".join(head.itertext()) for head in html.find(".//div[@aria-label='Traces']").iter("th")]
    assert heads[2] == "relevance"


async def test_a_trace_says_what_it_does_not_show_and_where_all_of_it_is(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, most in (("_SPANS", 1), ("_FEW_CHARACTERS", 5)):
        monkeypatch.setattr(f"spanstats.page.screens.trace.{name}", most)
    html = parsed((await filled.browser.get("/ui/trace?run=base&id=base-9")).text)
    text = " ".join("".join(html.itertext()).split())
    assert "1 further span is not shown" in text
    assert "/api/v2/experiments/base/logs/base-9/" in text
    assert "Only the beginning is shown" in text
    more = next(link.get("href") for link in html.iter("a") if link.text == "Show more")
    whole = " ".join("".join(parsed((await filled.browser.get(more)).text).itertext()).split())
    assert "not shown" not in whole
    assert "Only the beginning" not in whole


async def test_a_trace_of_another_run_is_not_shown(filled: Filled) -> None:
    answer = await filled.browser.get("/ui/trace?run=candidate&id=base-9")
    assert answer.status_code == 404
    assert "There is no such trace in this run" in answer.text


async def test_the_numbers_of_a_trace_are_sent_before_its_tree(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(*arguments: Any) -> Any:
        await asyncio.sleep(0.5)
        return await find_trace_tree(*arguments)

    monkeypatch.setattr("spanstats.page.parts.PATIENCE_S", 0)
    monkeypatch.setattr("spanstats.api.insights_trace.find_trace_tree", slow)
    html = (await filled.browser.get("/ui/trace?run=base&id=base-9")).text
    waits = html.index("Still reading")
    assert html.index("answer a question") < html.index("Latency") < waits < html.index('class="tree"')


async def test_spans_of_a_large_run_are_those_of_calls_unless_a_filter_would_read_them_all(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spanstats.page.screens.run_groups._MAX_TRACES_BY_SPAN", 10)
    for more, unit in (("", "Spans"), ("&f=status&op=%3D&v=error", "Traces")):
        html = parsed((await filled.browser.get(f"/ui/run?id=base{more}")).text)
        heads = [head.text for head in html.find(".//div[@aria-label='Groups']").iter("th")]
        assert heads[1] == unit


@pytest.mark.parametrize(
    ("path", "function", "advice"),
    [
        ("/ui/run?id=base&by=span_name", "insights_breakdown.break_down", "group by a field of traces, such as name"),
        ("/ui/compare?base=base&candidate=candidate", "stats_compare.comparison.compare", "or pair items by none"),
        ("/ui/compare?base=base&candidate=candidate", "stats_compare_items.pages_of_rows", "or pair items by none"),
        ("/ui/run?id=base", "insights_traces.list_traces", "narrow it with a filter"),
    ],
)
async def test_a_part_that_takes_too_long_says_what_to_do_and_leaves_the_rest(
    filled: Filled, monkeypatch: pytest.MonkeyPatch, path: str, function: str, advice: str
) -> None:
    def too_long(*_: object, **__: object) -> None:
        raise Unavailable("the answer took longer than this service allows")

    monkeypatch.setattr(f"spanstats.api.{function}", too_long)
    answer = await filled.browser.get(path)
    assert answer.status_code == 200
    html = parsed(answer.text)
    (notice,) = html.findall(".//div[@class='notice bad']")
    text = " ".join("".join(notice.itertext()).split())
    assert "the answer took longer than this service allows" in text
    assert advice in text
    assert html.find(".//h1") is not None
    assert html.find(".//details[@class='filters']") is not None


async def test_a_search_without_runs_says_what_was_searched_and_asks_for_nothing(filled: Filled) -> None:
    html = parsed((await filled.browser.get(f"/ui/?{urlencode({'search': 'n' * 200, 'project': 'p'})}")).text)
    text = " ".join("".join(html.find(".//main").itertext()).split())
    assert f"No run matches name or id “{'n' * 59}…” and project “p”" in text
    assert "Tick two" not in text
