"""`spanstats compare`."""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand

from .asking import NoAnswer, ask
from .decision import Answer, Exit, decide
from .report import markdown_report, text_report


class FailOn(StrEnum):
    """What fails the pipeline."""

    WORSE = "worse"
    INCONCLUSIVE = "inconclusive"


class Format(StrEnum):
    """What is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


# Typer brings a click of its own, and shows this one of its classes.
_WRONG_USAGE = cast(type[Exception], typer.BadParameter.__bases__[0])


class Gate(TyperCommand):
    """Wrong options end with the code of no answer: click's own is taken by what is inconclusive."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """As click's, but a wrong option exits with `Exit.NO_ANSWER`."""
        try:
            return super().make_context(*args, **extra)
        except _WRONG_USAGE as error:
            vars(error)["exit_code"] = Exit.NO_ANSWER
            raise


def install(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("compare", cls=Gate)(compare)


def compare(
    base: Annotated[str, typer.Argument(help="Experiment id of the run to compare with.")],
    candidate: Annotated[str, typer.Argument(help="Experiment id of the run that is judged.")],
    key: Annotated[str, typer.Option(envvar="SPANSTATS_API_KEY", help="An API key that may read.")],
    url: Annotated[str, typer.Option(envvar="SPANSTATS_URL", help="The server.")] = "http://127.0.0.1:8000",
    margin: Annotated[list[str] | None, typer.Option(help="MEASURE=0.01 or MEASURE=5%: what does not matter.")] = None,
    measure: Annotated[list[str] | None, typer.Option(help="Only this measure; may be repeated.")] = None,
    better: Annotated[list[str] | None, typer.Option(help="MEASURE=higher or MEASURE=lower.")] = None,
    pair_by: Annotated[str, typer.Option(help="What makes two traces the same item.")] = "auto",
    cluster_by: Annotated[str | None, typer.Option(help="What items have in common: metadata.<key>.")] = None,
    missing: Annotated[str, typer.Option(help="exclude, or zero: a missing score counts as 0.")] = "exclude",
    confidence: Annotated[float, typer.Option(help="Of intervals and verdicts.")] = 0.95,
    correction: Annotated[str, typer.Option(help="holm, bh or none.")] = "holm",
    fail_on: Annotated[FailOn, typer.Option(help="What fails.")] = FailOn.WORSE,
    format_: Annotated[Format, typer.Option("--format", help="What is printed.")] = Format.TEXT,
) -> None:
    """Compare two runs on a server: exit code 0 none worse, 1 worse, 2 inconclusive (if asked for), 3 no answer."""
    options = {
        "pair_by": pair_by,
        "measures": measure or None,
        "cluster_by": cluster_by,
        "missing": missing,
        "confidence": confidence,
        "correction": correction,
    }
    try:
        margins, directions = _pairs(margin, "--margin"), _pairs(better, "--better")
        answer = ask(url, key, _request(base, candidate, options | {"better": directions, "margins": margins}))
    except NoAnswer as error:
        typer.echo(f"spanstats: {error}", err=True)
        raise typer.Exit(Exit.NO_ANSWER) from None
    names = {*(measure or ()), *margins}
    outcome = decide(answer, names, fail_on_inconclusive=fail_on is FailOn.INCONCLUSIVE)
    typer.echo(_report(answer, outcome, format_), nl=False)
    raise typer.Exit(outcome)


def _request(base: str, candidate: str, options: dict[str, Any]) -> dict[str, Any]:
    """The body of the comparison of two whole runs."""
    return {"base": {"experiment_id": base}, "candidates": [{"experiment_id": candidate}], **options}


def _pairs(options: Sequence[str] | None, name: str) -> dict[str, str]:
    """The values of a repeated option by measure. Raises `NoAnswer` for one that is not `MEASURE=VALUE`."""
    values = {}
    for option in options or ():
        measure, equals, value = option.rpartition("=")
        if not measure or not equals or not value:
            raise NoAnswer(f"{name} {option}: must be MEASURE=VALUE")
        values[measure] = value
    return values


def _report(answer: Answer, outcome: Exit, format_: Format) -> str:
    if format_ is Format.JSON:
        return json.dumps(answer, indent=2, ensure_ascii=False) + "\n"
    return text_report(answer, outcome) if format_ is Format.TEXT else markdown_report(answer, outcome)
