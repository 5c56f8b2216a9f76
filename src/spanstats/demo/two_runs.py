"""Two runs over the same questions: the second costs less; one score is better, one worse, one only looks better."""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from .sample import times

ITEMS = 80
_BASE, _CANDIDATE = "base", "candidate"
_MODELS = {_BASE: "gpt-4o", _CANDIDATE: "gpt-4o-mini"}


def logs(experiment_uuid: str, which: str, began: datetime) -> Iterator[bytes]:
    """Bodies of Parea's `POST /trace_log`, a call of a model and its root for each question; `which` is `base` or
    `candidate`.

    The candidate's `relevance` is a little higher on most questions, it is `correct` on fewer, and its `tone` has a
    higher mean because of chance alone. Its model costs less.
    """
    for number in range(ITEMS):
        root = f"{experiment_uuid}-{number}"
        # What makes a question hard is the same in both runs.
        hard, noise = _rng("question", number).random(), _rng(which, number)
        start, latency = began + timedelta(seconds=2 * number), round(0.6 + hard + noise.uniform(0, 0.3), 3)
        common = {"root_trace_id": root, "experiment_uuid": experiment_uuid, "status": "success"}
        call = {
            "trace_id": f"{root}-call",
            "parent_trace_id": root,
            "trace_name": "answer",
            "configuration": {"model": _MODELS[which], "provider": "openai"},
            "input_tokens": 400 + int(800 * hard),
            "output_tokens": 60 + _rng("answer", which, number).randrange(60),
        }
        question = {
            "trace_id": root,
            "trace_name": "question",
            "inputs": {"question": f"What does section {number} say?"},
            "output": f"Section {number} says so ({which}).",
            "target": f"Section {number} says so.",
            "scores": [{"name": name, "score": score} for name, score in _scores(which, hard, noise).items()],
        }
        for log, begins_s, takes_s in ((call, 0.01, round(latency - 0.02, 3)), (question, 0, latency)):
            yield json.dumps({**common, **log, **times(start, begins_s, takes_s)}).encode()


def _scores(which: str, hard: float, noise: random.Random) -> dict[str, float]:
    better = 0.05 if which == _CANDIDATE else 0.0
    limit = 0.70 if which == _CANDIDATE else 0.92
    return {
        "relevance": round(0.8 - 0.4 * hard + better + noise.uniform(-0.06, 0.06), 3),
        "correct": float(hard < limit),
        "tone": round(noise.uniform(0.2, 1), 3),
    }


def _rng(*seed: object) -> random.Random:
    return random.Random(" ".join(map(str, seed)))  # noqa: S311 (a sample, not a secret)
