# /// script
# dependencies = ["parea-ai==0.2.220", "tqdm==4.70.1", "openai==1.109.1", "langchain-core==0.3.80"]
# ///
"""Parea's LangChain tracer: a chain of a prompt, a chat model and a parser, alone and inside an experiment."""

import uuid
from collections.abc import Iterator
from typing import Any

from checks import Checks
from expected import Expected, compare, price, stats
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from parea import Parea, trace
from parea.schemas import QueryParams
from parea.utils.trace_integrations.langchain import PareaAILangchainTracer

NAME = f"langchain-{uuid.uuid4().hex[:8]}"
MODEL = "gpt-4o-mini"
QUESTIONS = ["who", "where and when"]
RUNS = ["RunnableSequence", "ChatPromptTemplate", "Model", "StrOutputParser"]


class Model(GenericFakeChatModel):
    """Answers offline; says of itself what a real one says."""

    def _get_ls_params(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"ls_provider": "openai", "ls_model_name": MODEL, "ls_model_type": "chat"}


def tokens(question: str) -> tuple[int, int]:
    """Input and output tokens of the call for a question."""
    return len(question), 7


def answers(question: str) -> Iterator[AIMessage]:
    read, written = tokens(question)
    usage = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    yield AIMessage(content=f"answer to {question}", usage_metadata=usage)


def ask(question: str) -> str:
    tracer = PareaAILangchainTracer(session_id="s1", tags=["t1"], metadata={"k": "v"}, end_user_identifier="u1")
    prompt = ChatPromptTemplate.from_messages([("user", "Answer {question}")])
    chain = prompt | Model(messages=answers(question)) | StrOutputParser()
    return chain.invoke({"question": question}, config={"callbacks": [tracer]})


@trace
def answer(question: str) -> str:
    return ask(question)


def main() -> None:
    checks = Checks()
    parea = Parea(project_name=NAME)
    alone(checks, parea)
    inside_an_experiment(checks, parea)
    checks.finish()


def alone(checks: Checks, parea: Parea) -> None:
    checks.equal("alone: answer", ask("what"), "answer to what")
    page = parea.get_trace_logs(QueryParams(project_name=NAME))
    checks.equal("alone: one trace, although its top run was sent twice", page.total, 1)
    (tree,) = page.results
    names = [child.trace_name for child in tree.children_logs]
    checks.equal("alone: runs in order", [tree.trace_name, *names], RUNS)
    told = tree.session_id, tree.tags, tree.metadata, tree.end_user_identifier, tree.status
    checks.equal("alone: what the tracer was told", told, ("s1", ["t1"], {"k": "v"}, "u1", "success"))
    checks.equal("alone: inputs", tree.inputs, {"question": "what"})
    call, (read, written) = tree.children_logs[1], tokens("what")
    counted = call.configuration.model, call.input_tokens, call.output_tokens, call.total_tokens
    checks.equal("alone: the model's call", counted, (MODEL, read, written, read + written))
    checks.near("alone: its price", call.cost, price(MODEL, read, written))
    others = [log for log in (tree, *tree.children_logs) if log is not call]
    checks.equal("alone: tokens of other runs", [log.total_tokens for log in others], [None] * 3)


def inside_an_experiment(checks: Checks, parea: Parea) -> None:
    data = [{"question": question} for question in QUESTIONS]
    run = parea.experiment(NAME, data=data, func=answer, n_workers=2)
    run.run(run_name="run-1")
    expected = Expected(traces=len(QUESTIONS))
    for question in QUESTIONS:
        expected.call(MODEL, *tokens(question))
    compare(checks, run.experiment_uuid, expected)
    known = sorted(sum(tokens(question)) for question in QUESTIONS)
    checks.equal("experiment: tokens by root", sorted(e["total_tokens"] for e in stats(run.experiment_uuid)), known)
    for tree in parea.get_experiment_trace_logs(run.experiment_uuid):
        question = tree.inputs["question"]
        checks.equal(
            f"experiment: {question}: output", (tree.trace_name, tree.output), ("answer", f"answer to {question}")
        )
        (top,) = tree.children_logs
        names = [top.trace_name, *(child.trace_name for child in top.children_logs)]
        checks.equal(f"experiment: {question}: runs below the function", names, RUNS)


if __name__ == "__main__":
    main()
