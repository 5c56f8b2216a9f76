"""How far a long command is, shown on standard error."""

from collections.abc import AsyncGenerator

from rich.console import Console
from rich.progress import Progress


async def show_progress(what: str, total: int | None, done: AsyncGenerator[int, None]) -> int:
    """The sum of the steps, while a bar shows how many of `total` are done."""
    count = 0
    with progress_bar() as progress:
        task = progress.add_task(what, total=total)
        async for some in done:
            progress.advance(task, some)
            count += some
    return count


def progress_bar() -> Progress:
    """A bar beside what a command prints on standard output."""
    return Progress(console=Console(stderr=True))
