"""Trains the dictionary that packed payloads are compressed with: `python -m benchmarks.dictionary`.

It holds what payloads of any user have in common: English, and the JSON of messages, tools and documents. The texts are
docstrings of Python's standard library. A dictionary that data is packed with must never change: a new one gets a new
file and a new number (`store/packed_format.py`).
"""

import ast
import json
import random
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import zstandard

_SIZE = 32 * 1024
_SAMPLES = 12_000
_FILE = Path(__file__).parents[1] / "src/spanstats/store/payloads-1.zdict"


def texts() -> Iterator[str]:
    """Docstrings of the standard library."""
    library = Path(sysconfig.get_path("stdlib"))
    for file in sorted(library.rglob("*.py")):
        if {"site-packages", "test", "tests", "idlelib"} & set(file.parts):
            continue
        try:
            tree = ast.parse(file.read_text("utf8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield ast.get_docstring(node) or ""


def _documents(text: Callable[[int], str], number: Callable[[int], int]) -> list[object]:
    """One of each kind of document that models, tools and retrievers take and give."""
    call = {"name": "search", "arguments": json.dumps({"query": text(60)})}
    calls = [{"id": f"call_{number(10**9)}", "type": "function", "function": call}]
    message = {"role": "assistant", "content": text(500), "refusal": None}
    usage = {"prompt_tokens": number(999), "completion_tokens": number(99), "total_tokens": number(999)}
    return [
        [{"role": "system", "content": text(300)}, {"role": "user", "content": text(500)}],
        [
            {"role": "user", "parts": [{"type": "text", "content": text(400)}]},
            {"role": "assistant", "content": None, "tool_calls": calls},
            {"role": "tool", "tool_call_id": f"call_{number(10**9)}", "content": text(300)},
        ],
        {
            "id": f"chatcmpl-{number(10**9)}",
            "object": "chat.completion",
            "model": "gpt-4o-mini",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": usage,
        },
        {"question": text(150), "context": [text(300), text(300)]},
        text(500),
        [
            {"page_content": text(300), "metadata": {"source": f"docs/{number(99)}.md", "score": number(1000) / 1000}},
            {"id": str(number(10**6)), "text": text(300), "score": number(1000) / 1000},
        ],
        {"score": number(100) / 100, "reason": text(300), "passed": True},
        {"type": "text", "text": text(400)},
    ]


def main() -> None:
    rng = random.Random(1)  # noqa: S311
    known = [text for text in texts() if len(text) > 100]

    def some() -> bytes:
        documents = _documents(lambda most: rng.choice(known)[:most], rng.randrange)
        return "".join(json.dumps(document) for document in rng.sample(documents, 2)).encode()

    trained = zstandard.train_dictionary(_SIZE, [some() for _ in range(_SAMPLES)], dict_id=1)
    _FILE.write_bytes(trained.as_bytes())


if __name__ == "__main__":
    main()
