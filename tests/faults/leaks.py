"""What no answer and no line of a log may ever hold."""

import re

KEY = "fault-test-key-3f9d2c"
CANARY = "canary-of-a-payload"
PASSWORD = "hunter2-of-the-database"  # noqa: S105

_NEVER = re.compile(
    "|".join(
        (
            *(KEY, CANARY, PASSWORD, r"sps_[\w-]{20}"),
            r"Traceback \(most recent",
            r'File "/',
            r"/site-packages/",
            r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\s",
            r"postgresql(\+asyncpg)?://",
            r"[\x00-\x08\x0b-\x1f\x7f]",
        )
    )
)


def assert_nothing_leaked(text: str) -> None:
    """Fails with the place, where the text of a log or an answer tells what it must not."""
    match = _NEVER.search(text)
    assert match is None, text[max(0, match.start() - 300) : match.end() + 300] if match else ""
