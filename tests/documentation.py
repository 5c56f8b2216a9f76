"""What the documents say and the program knows, in one form."""

from pathlib import Path
from typing import Any

import typer
from pydantic import SecretStr

from spanstats.cli import app
from spanstats.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent


def settings_table() -> str:
    """The table of all settings as docs/settings.md shows it."""
    rows = [
        f"| `{PREFIX}{n.upper()}` | {_shown(f.default)} | {f.description} |" for n, f in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


def _shown(default: Any) -> str:
    if default is None or default == "" or default == () or isinstance(default, SecretStr):
        return ""
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    return f"`{default:,}`" if isinstance(default, int) and default >= 10_000 else f"`{default}`"


def snippet(path: Path) -> str:
    """A client's snippet as documents show it: without the list of its packages."""
    return path.read_text().split("# ///\n")[-1].strip()


def known_commands() -> set[str]:
    """`serve`, `keys create` and so on."""
    root: Any = typer.main.get_command(app)
    names = set()
    for name, command in root.commands.items():
        names |= {f"{name} {inner}" for inner in getattr(command, "commands", {})} or {name}
    return names
