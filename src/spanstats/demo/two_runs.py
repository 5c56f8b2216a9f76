"""Two runs over the same questions that differ: one score is better, one worse, and one only looks better."""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

ITEMS = 80
_BASE, _CANDIDATE = "base", "candidate"


def logs(experiment_uuid: str, which: str, began: datetime) -> Iterator[bytes]:
    """Bodies of Parea's `POST /trace_log`, a root for each question; `which` is `base` or `candidate`.

    The candidate's `relevance` is a little higher on most questions, it is `correct` on fewer, and its `tone` has a
    higher mean because of chance alone.
    """
    for number in range(ITEMS):
        # What makes a question hard is the same in both runs.
        hard, noise = _rng("question", number).random(), _rng(which, number)
        start = began + timedelta(seconds=2 * number)
        latency = round(0.6 + hard + noise.uniform(0, 0.3), 3)
        log: dict[str, Any] = {
            "trace_id": f"{experiment_uuid}-{number}",
            "root_trace_id": f"{experiment_uuid}-{number}",
            "experiment_uuid": experiment_uuid,
            "trace_name": "question",
            "inputs": {"question": f"What does section {number} say?"},
            "output": f"Section {number} says so ({which}).",
            "target": f"Section {number} says so.",
            "start_timestamp": start.isoformat(),
            "end_timestamp": (start + timedelta(seconds=latency)).isoformat(),
            "latency": latency,
            "status": "success",
            "scores": [{"name": name, "score": score} for name, score in _scores(which, hard, noise).items()],
        }
        yield json.dumps(log).encode()


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
