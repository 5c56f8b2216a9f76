"""The words that the project does not use (CONTRIBUTING.md, Words). `python -m tests.words` lists where they are."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

BANNED: dict[str, str] = {
    r"anew": "again; refresh; fold again",
    r"nobody": "name who: no client, no request, no worker",
    r"so many": "this many; at most `limit`",
    r"those (that|who|which)": "name them: spans that ...",
    r"whoever": "name who: the caller, a process that ...",
    r"what is said": "the text",
    r"stand(s|ing)? (for|beside)": "means; is next to",
    r"(lie|lies|laid|lying) over": "override",
    r"stretch(es)?": "segment, range",
    r"odds": "coercion",
    r"pieces?": "fragment of a body or an answer, batch, page, chunk",
    r"tells?|told|telling": "reports, shows, prints, logs; distinguishes",
    r"placed|places|(?<!in )place(?! among| of)": "row number, position, offset, path, cursor, location, address, key",
    r"loose (spans?|ids?|patch(es)?)": "span with a global id; override",
    r"overlay|awaited": "override; missing",
    r"whatever": "any, every, all; name them",
    r"in vain": "useless; without a result",
    r"hardly": "rarely, few, very close",
    r"go(es)? by": "has the name",
    r"(posted|early) scores?": "standalone score, pending score",
    r"seen to": "checked, finished",
}
"""What is not written, and what to write for it."""

BANNED_NAMES = frozenset(
    ("asked", "found", "given", "known", "made", "meant", "named", "said", "seen", "sent", "taken", "told", "wanted")
)
"""Participles that are no names of variables and parameters: a name says what is in it, such as rows, body or keys."""

TEXTS = ("src/**/*.py", "src/**/*.html", "docs/**/*.md", "*.md")

# The table that names the words.
_NAMED = re.compile(r"^\| not \| but \|$.*\Z", re.MULTILINE | re.DOTALL)


def texts() -> Iterator[tuple[str, str]]:
    """The path and the content of every text that is checked."""
    for pattern in TEXTS:
        for path in sorted(ROOT.glob(pattern)):
            yield str(path.relative_to(ROOT)), path.read_text()


def banned(path: str, text: str) -> list[str]:
    """A line for each banned word in a text: where it is, and what to write."""
    if path == "CONTRIBUTING.md":
        text = _NAMED.sub("", text)
    return [
        f"{path}:{number}: {match.group()!r}: {instead}"
        for number, line in enumerate(text.splitlines(), 1)
        for word, instead in BANNED.items()
        for match in re.finditer(rf"\b(?:{word})\b", line, re.IGNORECASE)
    ]


def banned_names(path: str, text: str) -> list[str]:
    """A line for each variable or parameter of a module that has a participle as its name."""
    return [
        f"{path}:{node.lineno}: variable {name!r}: the name of what it holds: rows, body, keys"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Name | ast.arg) and (name := _name_of(node)) in BANNED_NAMES
    ]


def _name_of(node: ast.Name | ast.arg) -> str | None:
    if isinstance(node, ast.arg):
        return node.arg
    return node.id if isinstance(node.ctx, ast.Store) else None


def all_banned() -> list[str]:
    """Every banned word of the project."""
    modules = sorted(path for folder in ("src", "tests") for path in (ROOT / folder).rglob("*.py"))
    names = [line for path in modules for line in banned_names(str(path.relative_to(ROOT)), path.read_text())]
    return [*(line for path, text in texts() for line in banned(path, text)), *names]


if __name__ == "__main__":
    lines = all_banned()
    print("\n".join(lines))  # noqa: T201
    sys.exit(1 if lines else 0)
