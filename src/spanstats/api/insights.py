"""The figures of one experiment, and the experiments with their figures."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ..dialects.insights.cursor import Time as CursorTime
from ..dialects.insights.cursor import read_cursor
from ..dialects.insights.experiment import described_object, described_table, listed_object, listed_table
from ..dialects.insights.experiment_schema import EXPERIMENT_ANSWER, EXPERIMENT_REQUEST, LIST_ANSWER, LIST_REQUEST
from ..dialects.insights.options import Options
from ..insights.experiment_figures import describe
from ..insights.listing import MAX_PAGE, SORTS, Page, Search, list_experiments
from .insights_shared import (
    FIGURES,
    SKIP,
    WINDOW,
    Cursor,
    Intervals,
    Measures,
    Missing,
    SkipPreparing,
    answered,
    options_of,
    question_of,
)
from .openapi import body
from .resources import caller, resources_of, tenant_database
from .respan_shared import sorting
from .route_classes import StatsRead
from .stats_shared import PREFIX, READ_ERRORS, ROUTER, Time

read = APIRouter(route_class=StatsRead, **ROUTER)

_ALL = f"{PREFIX}/experiments"
_ONE = f"{PREFIX}/experiments/{{experiment_id}}"

_EXPERIMENT: dict[str, Any] = {
    "responses": {**READ_ERRORS, **EXPERIMENT_ANSWER},
    "description": (
        "Any measures and aggregates of the experiment's traces in the window that match the filters: exact, all of "
        "one state of the store, each with the number of values behind it and of traces without one."
    ),
}
_EXPERIMENT_NAMES = (*WINDOW, *FIGURES, SKIP)


@read.get(_ONE, summary="Measure an experiment", **_EXPERIMENT)
@read.post(
    _ONE,
    summary="Measure the traces that match filters",
    openapi_extra=body(EXPERIMENT_REQUEST, required=False),
    **_EXPERIMENT,
)
async def measure_experiment(
    request: Request,
    experiment_id: str,
    measures: Measures = None,
    start_time: Time = None,
    end_time: Time = None,
    missing: Missing = None,
    intervals: Intervals = None,
    skip_preparing: SkipPreparing = None,
) -> Response:
    resources, options = resources_of(request), await options_of(request, _EXPERIMENT_NAMES)
    question = await question_of(request, options)
    described = await describe(
        tenant_database(request), resources.columns, caller(request).tenant_id, experiment_id, question
    )
    return await answered(
        request,
        lambda: described_object(described, question),
        lambda: described_table(described, question),
        f"{experiment_id} figures",
    )


_LIST: dict[str, Any] = {
    "responses": {**READ_ERRORS, **LIST_ANSWER},
    "description": (
        "Experiments with their figures, a page at a time. Metadata is searched by POST, or by GET with one name for "
        "each key: `metadata.<key>=<text>`."
    ),
}
_LIST_NAMES = ("search", "project", "status", "metadata", "sort_by", "page", "page_size", "cursor", "pareto")
_METADATA = "metadata."

Text = Annotated[str | None, Query(description="A part of the name, run name or id, in any case")]
Project = Annotated[str | None, Query(description="The id or the name of a project")]
Status = Annotated[str | None, Query(description="As the list shows it, such as `running` or `completed`")]
SortBy = Annotated[str | None, sorting(dict.fromkeys(SORTS, ""))]
PageNumber = Annotated[str | None, Query(description="From 1", json_schema_extra={"pattern": "^([1-9][0-9]{0,5})?$"})]
PageSize = Annotated[
    str | None, Query(description="1 to 100, 20 by default", json_schema_extra={"pattern": "^([1-9][0-9]?|100)?$"})
]
Pareto = Annotated[
    str | None,
    Query(
        description="`true`: each score says in `pareto` whether no other experiment of this page is better in it or "
        "in `cost` and at least as good in the other one; null where one of both means is not known or not asked for"
    ),
]


@read.get(_ALL, summary="List experiments with their figures", **_LIST)
@read.post(
    _ALL,
    summary="List experiments with the figures of traces that match filters",
    openapi_extra=body(LIST_REQUEST, required=False),
    **_LIST,
)
async def list_experiments_figures(
    request: Request,
    search: Text = None,
    project: Project = None,
    status: Status = None,
    sort_by: SortBy = None,
    page: PageNumber = None,
    page_size: PageSize = None,
    cursor: Cursor = None,
    pareto: Pareto = None,
    measures: Measures = None,
    start_time: Time = None,
    end_time: Time = None,
    missing: Missing = None,
    intervals: Intervals = None,
    skip_preparing: SkipPreparing = None,
) -> Response:
    options = await options_of(request, _list_names(request))
    searched, chosen_page, question = _search(options), _page(options), await question_of(request, options)
    database, columns = tenant_database(request), resources_of(request).columns
    listed = await list_experiments(database, columns, caller(request).tenant_id, searched, chosen_page, question)
    content = partial(listed_object, listed, question, chosen_page, with_pareto=options.flag("pareto"))
    return await answered(request, content, partial(listed_table, listed, question), "experiments")


def _list_names(request: Request) -> list[str]:
    """What may be asked for; of metadata, in the query, each key is a name."""
    keys = [name for name in request.query_params if name.startswith(_METADATA)]
    return [*_LIST_NAMES, *WINDOW, *FIGURES, SKIP, *keys]


def _search(options: Options) -> Search:
    metadata = dict(options.mapping("metadata"))
    metadata |= {
        name.removeprefix(_METADATA): options.values[name] for name in options.values if name.startswith(_METADATA)
    }
    return Search(options.text("search"), options.text("project"), options.text("status"), metadata)


def _page(options: Options) -> Page:
    sort_by = options.one_of("sort_by", [*SORTS, *(f"-{name}" for name in SORTS)], "-created_at")
    number, size = options.whole("page", 1, 1, 1_000_000), options.whole("page_size", 20, 1, MAX_PAGE)
    name = sort_by.removeprefix("-")
    behind = read_cursor(options, sort_by, str if name in ("name", "status") else CursorTime, int)
    if behind is not None and "page" in options.values:
        raise options.wrong("page", "stands alone, without a cursor", "extra_forbidden")
    return Page(name, sort_by.startswith("-"), size, (number - 1) * size, behind)
