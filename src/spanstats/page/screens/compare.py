"""Runs against a base: verdicts, every measure with its interval, the spread of one measure, and its items."""

from typing import Any

from fastapi import APIRouter, Request, Response

from ..calls import Call, ask, ask_all
from ..charts.intervals import interval
from ..conditions import FIELDS, OPERATORS, conditions_of, filters_of, query_of, rows_of
from ..content import first_line
from ..figures import change, measure_name
from ..links import compare_link, item_link, run_link
from ..render import page
from ..routing import ScreenRoute
from ..session import key_of, root_of
from .spread import spread

router = APIRouter(route_class=ScreenRoute, include_in_schema=False)

_COMPARE, _ROWS, _HISTOGRAM = (f"/api/stats/v1/{path}" for path in ("compare", "compare/rows", "histogram"))
SHOWN = ("worsened", "improved", "equal", "missing", "only_base", "only_candidate", "all")
PAIRINGS = ("auto", "input", "comparison_key", "custom_identifier", "name", "none")
_PER_PAGE = 15


@router.get("/ui/compare")
async def compare(request: Request) -> Response:
    """`base` and `candidate`s; or `run`s, the last of which is the base. `measure` and `show` choose the items."""
    query, key = request.query_params, key_of(request) or ""
    base, candidates = _arms(request)
    body = _body(request, base, candidates)
    call = Call(_COMPARE, body=body)
    if not candidates:
        return page(request, "compare_one.html", base=base, run_link=run_link(base) if base else None)
    answer = await ask(request, key, call)
    arms = answer["candidates"]
    measure = _chosen(arms, query.get("measure"))
    of = _index(query.get("of"), len(candidates))
    wanted = query.get("show", "")
    show = wanted if wanted in SHOWN else "worsened"
    calls = _details(body, of, measure, show, query.get("cursor")) if measure else ()
    rows, histogram = await ask_all(request, key, *calls) if calls else (None, None)
    names = [base, *candidates]
    return page(
        request,
        "compare.html",
        calls=(call, *calls),
        as_of=answer.get("as_of"),
        answer=answer,
        names=names,
        arms=[_arm(arm) for arm in arms],
        measure=measure,
        show=show,
        shown=SHOWN,
        pairings=PAIRINGS,
        rows=[_item(row, names) for row in rows["rows"]] if rows else [],
        row_names=[base, candidates[of]],
        of=of,
        cursor=rows.get("next_cursor") if rows else None,
        spread=spread(histogram, names) if histogram else None,
        link=lambda **changed: _same(request, base, candidates, changed),
        swapped=compare_link(candidates[0], [base, *candidates[1:]]),
        run_link=run_link,
        filter_rows=rows_of(request, conditions_of(request)),
        fields=FIELDS,
        operators=OPERATORS,
        kept=_kept(request, base, candidates),
        action=f"{root_of(request)}/ui/compare",
    )


def _arms(request: Request) -> tuple[str, list[str]]:
    query = request.query_params
    runs = query.getlist("run")
    base = query.get("base") or (runs[-1] if runs else "")
    others = query.getlist("candidate") or runs[::-1]
    return base, [c for c in dict.fromkeys(others) if c and c != base]


def _body(request: Request, base: str, candidates: list[str]) -> dict[str, Any]:
    query = request.query_params
    filters = filters_of(conditions_of(request))
    arms = [{"experiment_id": e, **({"filters": filters} if filters else {})} for e in (base, *candidates)]
    body: dict[str, Any] = {"base": arms[0], "candidates": arms[1:]}
    if (pair_by := query.get("pair_by")) and pair_by != "auto":
        body["pair_by"] = pair_by
    if (margin := query.get("margin")) and (measure := query.get("measure")):
        body["margins"] = {measure: _number(margin)}
    return body


def _index(text: str | None, size: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and int(text) < size else 0


def _number(text: str) -> float | str:
    """A number where it is one; the interface says what is wrong with anything else, and takes `5%`."""
    try:
        return float(text)
    except ValueError:
        return text


def _chosen(arms: list[dict[str, Any]], named: str | None) -> str | None:
    """The named measure, else the first score that got worse, else the first score, else the first measure."""
    measures = {name: m for arm in arms for name, m in arm["measures"].items() if m["kind"] != "text"}
    if named in measures:
        return named
    scores = [name for name in measures if name.startswith("scores.")]
    worse = [name for name in scores if (measures[name].get("paired") or {}).get("verdict") == "worse"]
    return next(iter([*worse, *scores, *measures]), None)


def _details(body: dict[str, Any], of: int, measure: str, show: str, cursor: str | None) -> tuple[Call, Call]:
    """The items of one candidate, and how the measure is spread in all arms."""
    rows = {**body, "candidate": of, "measure": measure, "show": show, "limit": _PER_PAGE, "preview_length": 300}
    if cursor:
        rows["cursor"] = cursor
    arms = [body["base"], *body["candidates"]]
    return Call(_ROWS, body=rows), Call(_HISTOGRAM, body={"arms": arms, "measure": measure, "bins": 20})


def _arm(arm: dict[str, Any]) -> dict[str, Any]:
    measures = [_measure(name, m) for name, m in arm["measures"].items()]
    measures.sort(key=lambda m: not m["is_score"])
    known = [m for m in measures if m["paired"].get("difference") is not None or m["kind"] == "text"]
    by_verdict = {v: [m for m in known if m["verdict"] == v] for v in ("better", "worse", "equivalent")}
    rest = [m for m in known if m["verdict"] in ("inconclusive", "insufficient")]
    unknown = [m["label"] for m in measures if m not in known]
    return {**arm, "measures": known, **by_verdict, "rest": rest, "unknown": unknown}


_ABSENT = {
    **dict.fromkeys(("base_mean", "candidate_mean", "relative", "improved", "difference", "low", "high", "margin")),
    **dict.fromkeys(("p_adjusted", "smallest_detectable")),
    "verdict": "insufficient",
}
"""What an unpaired measure, or one without values, does not have."""


def _measure(name: str, m: dict[str, Any]) -> dict[str, Any]:
    paired = _ABSENT | (m.get("paired") or m.get("unpaired") or {})
    unit, verdict = m.get("unit"), paired["verdict"]
    difference, low, high = (paired.get(part) for part in ("difference", "low", "high"))
    label = measure_name(name)
    sentence = f"{label}: {change(difference, unit)}"
    if low is not None and high is not None:
        sentence += f", between {change(low, unit)} and {change(high, unit)}"
    margin = paired.get("margin")
    drawn = interval(
        difference, low, high, verdict, f"{sentence}; {verdict}", margin if isinstance(margin, float) else None
    )
    return {
        **m,
        "name": name,
        "label": label,
        "is_score": name.startswith("scores."),
        "paired": paired,
        "verdict": verdict,
        "sentence": sentence,
        "interval": drawn,
    }


def _item(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {
        **row,
        "link": item_link(row["item_key"], names) if row.get("item_key") else None,
        "shown_input": first_line(row.get("input")),
        "shown_target": first_line(row.get("target")),
        "outputs": [first_line((arm or {}).get("output")) for arm in row["arms"]],
        "values": [(arm or {}).get("value") for arm in row["arms"]],
    }


def _kept(request: Request, base: str, candidates: list[str]) -> list[tuple[str, str]]:
    query = request.query_params
    named = [(n, query[n]) for n in ("measure", "show", "of", "pair_by", "margin") if query.get(n)]
    return [("base", base), *(("candidate", c) for c in candidates), *named]


def _same(request: Request, base: str, candidates: list[str], changed: dict[str, str | None]) -> str:
    """This comparison with other choices; a choice of `None` is left out."""
    choices = dict(_kept(request, base, candidates)[1 + len(candidates) :]) | changed
    chosen = [(name, value) for name, value in choices.items() if value]
    return root_of(request) + compare_link(base, candidates, [*chosen, *query_of(conditions_of(request))])
