"""What was measured, as a table on the terminal and a file."""

import os
import platform
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Line:
    """One figure; `target` and `note` in words."""

    what: str
    value: float
    unit: str
    target: str
    note: str


class Report:
    """Collects figures, showing each as it comes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines: list[Line] = []

    def add(self, what: str, value: float, unit: str, target: str = "", note: str = "") -> None:
        self._lines.append(Line(what, value, unit, target, note))
        self._console.print(f"  {what}: {_figure(value)} {unit}" + (f"  ({note})" if note else ""))

    def show(self) -> None:
        table = Table("what", "measured", "target", "note")
        for line in self._lines:
            table.add_row(line.what, f"{_figure(line.value)} {line.unit}", line.target, line.note)
        self._console.print(table)

    def write(self, path: Path) -> None:
        """As Markdown, with the command and the machine."""
        command = "python -m benchmarks " + " ".join(sys.argv[1:])
        when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        text = [
            "# Measured",
            "",
            f"`{command.strip()}` on {when}: {os.cpu_count()} cores ({platform.machine()}), {_memory_gib():.0f} GiB, "
            f"Python {platform.python_version()}; load generator, service and PostgreSQL share the machine, whose load "
            f"average was {os.getloadavg()[0]:.1f} in the last minute.",
            "",
            "| what | measured | target | note |",
            "|---|---|---|---|",
            *(f"| {x.what} | {_figure(x.value)} {x.unit} | {x.target} | {x.note} |" for x in self._lines),
            "",
        ]
        path.write_text("\n".join(text))


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
