"""A request as a command: whatever it asks for, a shell gives curl just that, and a terminal shows all of it."""

import json
import subprocess

import pytest

from spanstats.page.calls import Call, path_of

# What curl would be given, an argument to a line of JSON strings.
_CURL = """curl() { for argument in "$@"; do printf '%s\\0' "$argument"; done; }
"""

HOSTILE = [
    "it's\na name",
    "'; touch /tmp/owned; '",
    "$(id) `id` ${HOME} !! \\",
    '"quoted" \\" \\n',
    "@/etc/passwd",
    "-o /tmp/owned",
    "{a,b}[1-9]",
    "\u202eevil\u2066\u2069\u200b\ufeff",
    "line\u2028separator\u2029\x85",
    "\x1b[201~\x07\x7f\x9b",
    "a\0b",
    "\U000e0001 emoji 🚀 שלום",
]


def arguments_of(command: str) -> list[str]:
    ran = subprocess.run(["/bin/sh", "-c", _CURL + command], capture_output=True, check=True, timeout=30)
    return ran.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_shell_gives_curl_what_is_asked_for(text: str) -> None:
    call = Call(path_of("api", text), [("name", text)], {"experiment_id": text, text: [text]})
    command = call.curl("http://127.0.0.1:8000")
    arguments = arguments_of(command)
    assert json.loads(arguments[arguments.index("-d") + 1]) == call.body
    assert arguments[2] == "http://127.0.0.1:8000" + call.target
    assert not set(arguments[2]) & set(" '\"\n{}[]<>")
    assert len(arguments) == 7


@pytest.mark.parametrize("text", HOSTILE)
def test_a_command_is_one_line_of_what_can_be_seen(text: str) -> None:
    command = Call(path_of(text), [(text, text)], {text: text}).curl("http://127.0.0.1:8000")
    assert command.isprintable()
