"""The parts of a comparison: the verdicts, then the items and the spread of the measure that they are about."""

from typing import Any

from ..calls import Call
from ..content import first_line
from ..figures import measure_name
from ..links import item_link
from ..parts import Part, part
from .compare_choices import Choices
from .compare_measures import arm_of, chosen_measure, overview_of, shown_items
from .no_match import blame_calls, blames_of
from .run_choices import Choices as RunChoices
from .run_choices import run_path
from .spread import spread

_COMPARE, _ROWS, _HISTOGRAM = (f"/api/stats/v1/{path}" for path in ("compare", "compare/rows", "histogram"))
_PER_PAGE = 15
_PREVIEW = 300
_ADVICE = "add a condition to the filter below, such as on timestamp, or pair items by none"


def parts_of(choices: Choices) -> dict[str, Part]:
    """The parts by name."""
    names = [choices.base, choices.candidates[choices.of]]
    return {
        "runs": Part(lambda _: _run_calls(choices), lambda *runs: runs, is_essential=True),
        "answer": part(Call(_COMPARE, body=choices.body), lambda answer: _compared(answer, choices), advice=_ADVICE),
        "items": Part(
            lambda compared: _item_calls(choices, compared),
            lambda answer=None: answer and _items(answer, names),
            after="answer",
            advice=_ADVICE,
        ),
        "spread": Part(
            lambda compared: [] if compared["empty"] else _spread_calls(choices, compared["measure"]),
            lambda answer=None: answer and spread(answer, names),
            after="answer",
            advice=_ADVICE,
        ),
        "no_match": Part(
            lambda compared: _blame_calls(choices, compared["empty"]),
            lambda *answers: blames_of(choices.conditions, answers),
            after="answer",
        ),
    }


def _run_calls(choices: Choices) -> list[Call]:
    """A look at each run: one that is not there is a 404, however long the comparison would take to say so."""
    query = {"measures": "error.count", "skip_preparing": "true"}
    return [Call(run_path(name), query) for name in choices.names if name]


def _compared(answer: dict[str, Any], choices: Choices) -> dict[str, Any]:
    arms = [arm_of(arm) for arm in answer["candidates"]]
    measure = chosen_measure(arms, choices.of, choices.options.get("measure"))
    show = choices.show or shown_items(arms[choices.of], measure)
    chosen = next((m for m in arms[choices.of]["measures"] if m["name"] == measure), None)
    return {
        **answer,
        "arms": arms,
        "overview": overview_of(arms) if len(arms) > 1 else (),
        "measure": measure,
        "unit": chosen["unit"] if chosen else None,
        "show": show,
        "counts": _counts(arms[choices.of], chosen),
        "empty": [arm["experiment_id"] for arm in (answer["base"], arms[choices.of]) if not arm["traces"]],
        "warned": _warnings(answer["warnings"], choices.of),
    }


def _warnings(warnings: list[dict[str, Any]], of: int) -> list[dict[str, Any]]:
    """Those on all candidates and on this one; what is about a measure has its label apart.

    Where no item is common, that few are says nothing more.
    """
    ours = [warning for warning in warnings if warning["candidate"] in (None, of)]
    implied = ("few_items", "low_overlap") if any(w["code"] == "no_common_items" for w in ours) else ()
    return [_labelled(w) for w in ours if w["measure"] or w["code"] not in implied]


def _labelled(warning: dict[str, Any]) -> dict[str, Any]:
    measure = warning["measure"]
    if not measure:
        return {**warning, "label": None}
    return {**warning, "label": measure_name(measure), "message": warning["message"].removeprefix(f"{measure}: ")}


def _counts(arm: dict[str, Any], chosen: dict[str, Any] | None) -> dict[str, int]:
    """How many items each choice of `show` has, as far as the comparison says."""
    of_pairs, of_measure = arm["pairing"], chosen["paired"] if chosen else {}
    counts = {name: of_measure.get(name) for name in ("worsened", "improved", "equal")}
    counts |= {name: of_pairs.get(name) for name in ("only_base", "only_candidate")}
    return {name: count for name, count in counts.items() if count is not None}


def _item_calls(choices: Choices, compared: dict[str, Any]) -> list[Call]:
    """The items of one candidate; runs that are not paired have none."""
    measure = compared["measure"]
    if measure is None or compared["empty"] or not choices.is_paired:
        return []
    more = {"candidate": choices.of, "measure": measure, "show": compared["show"]}
    body = {**choices.body, **more, "limit": _PER_PAGE, "preview_length": _PREVIEW}
    return [Call(_ROWS, body=body | ({"cursor": choices.cursor} if choices.cursor else {}))]


def _blame_calls(choices: Choices, empty: list[str]) -> list[Call]:
    """Why nothing of the first run without traces matches."""
    return blame_calls(RunChoices(empty[0], choices.conditions)) if empty and choices.conditions else []


def _spread_calls(choices: Choices, measure: str | None) -> list[Call]:
    """How the measure is spread in the base and in the candidate that is chosen."""
    if measure is None:
        return []
    body = choices.body
    arms = [body["base"], body["candidates"][choices.of]]
    return [Call(_HISTOGRAM, body={"arms": arms, "measure": measure, "bins": 20})]


def _items(answer: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {
        "rows": [_item(row, names) for row in answer["rows"]],
        # Of each row what both arms have, and the difference.
        "numbers": [n for row in answer["rows"] for n in (*_values(row), row["difference"])],
        "cursor": answer.get("next_cursor"),
    }


def _item(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {
        **row,
        "link": item_link(row["item_key"], names) if row.get("item_key") else None,
        "shown_input": first_line(row.get("input")),
        "shown_target": first_line(row.get("target")),
        "outputs": [first_line((arm or {}).get("output")) for arm in row["arms"]],
    }


def _values(row: dict[str, Any]) -> list[float | None]:
    return [(arm or {}).get("value") for arm in row["arms"]]
