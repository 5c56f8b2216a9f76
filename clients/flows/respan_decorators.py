# /// script
# dependencies = ["respan-ai==4.2.4", "openai==3.54.0"]
# ///
"""Respan's SDK: decorated workflows, instrumented OpenAI calls, errors, metadata, a trace moved elsewhere."""

import uuid
from collections.abc import Callable

import openai
from checks import Checks
from expected import Expected, compare, stats, summary
from fake_openai import serving, tokens
from respan import Respan, get_client, propagate_attributes, task, tool, workflow

MODEL = "gpt-4o-mini"
QUESTIONS = {"free": ["what is the answer", "how long is it"], "pro": ["who wrote it"]}


def main() -> None:
    checks = Checks()
    experiment_id, other_id = f"respan-{uuid.uuid4()}", f"other-{uuid.uuid4()}"
    with serving() as base_url:
        respan = Respan(metadata={"experiment_id": experiment_id}, app_name="clients")
        run_workflows(openai.OpenAI(base_url=base_url, api_key="unused", max_retries=0), other_id)
        respan.flush()
    compare(checks, experiment_id, expectation())
    compare_filters(checks, experiment_id)
    checks.equal("summary: the trace whose root names another experiment is there", summary(other_id)["total_count"], 1)
    checks.equal("stats: no trace has scores", [e["scores"] for e in stats(experiment_id) if e["scores"]], [])
    respan.shutdown()
    checks.finish()


def run_workflows(client: openai.OpenAI, other_id: str) -> None:
    answer, failing = workflows(client)

    @workflow(name="moved")
    def moved() -> None:
        get_client().update_current_span(respan_params={"metadata": {"experiment_id": other_id}})

    for plan, questions in QUESTIONS.items():
        with propagate_attributes(metadata={"plan": plan}, customer_identifier=f"customer-{plan}"):
            for question in questions:
                answer(question)
    for call in (failing, lambda: answer("not answered", model="no-such-model")):
        try:
            call()
        except (ValueError, openai.NotFoundError) as error:
            print(f"as planned: {error}")
    moved()


def workflows(client: openai.OpenAI) -> tuple[Callable[..., str], Callable[[], None]]:
    @tool(name="look_up")
    def look_up(question: str) -> str:
        return question

    @task(name="retrieve")
    def retrieve(question: str) -> str:
        return look_up(question)

    @task(name="generate")
    def generate(question: str, model: str) -> str:
        answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": question}])
        return answer.choices[0].message.content

    @workflow(name="answer")
    def answer(question: str, model: str = MODEL) -> str:
        return generate(retrieve(question), model)

    @workflow(name="failing")
    def failing() -> None:
        retrieve("before the failure")
        raise ValueError("as planned")

    return answer, failing


def expectation() -> Expected:
    questions = [question for asked in QUESTIONS.values() for question in asked]
    expected = Expected(traces=len(questions) + 2, failed=2)
    for question in questions:
        expected.call(MODEL, *tokens(question))
    return expected


def compare_filters(checks: Checks, experiment_id: str) -> None:
    filters = {
        "metadata__plan": ("pro", 1),
        "customer_identifier": ("customer-free", 2),
        "model": (MODEL, 3),
        "span_name": ("look_up", 5),
    }
    for field, (value, count) in filters.items():
        found = summary(experiment_id, {field: {"operator": "", "value": [value]}})["total_count"]
        checks.equal(f"summary where {field} is {value}: count", found, count)


if __name__ == "__main__":
    main()
