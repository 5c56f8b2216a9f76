"""Chat messages that are spread over attributes: `gen_ai.prompt.0.role`, `gen_ai.prompt.0.content`, ..."""

from typing import Any


class Messages:
    """The messages of a prompt or a completion, collected in any order."""

    __slots__ = ("_by_number",)

    def __init__(self) -> None:
        self._by_number: dict[int, dict[str, Any]] = {}

    def add(self, path: str, value: Any) -> None:
        """`path` is what follows the prefix: `0.role`, `1.tool_calls.0.name`."""
        number, _, key = path.partition(".")
        if number.isascii() and number.isdecimal() and len(number) < 7:
            self._by_number.setdefault(int(number), {})[key] = value

    def listed(self) -> list[dict[str, Any]]:
        """The messages in the order of their numbers."""
        return [message for _, message in sorted(self._by_number.items())]
