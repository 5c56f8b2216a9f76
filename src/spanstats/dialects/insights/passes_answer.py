"""pass@k and pass^k as they are answered."""

from typing import Any

from ...comparison.passes import Passes


def passes_answer(passes: Passes) -> list[dict[str, Any]]:
    """An object for each k, from 1."""
    return [{"k": k, "pass_at": float(at), "pass_all": float(every)} for k, (at, every) in enumerate(passes, 1)]
