"""A server on this machine that answers as OpenAI's chat completions do, so that a flow knows every token beforehand.

The answer is the last message in capitals. A token is a character, of question and answer. The model
`no-such-model` is a 404; a stream comes one character a chunk.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def tokens(content: str) -> tuple[int, int]:
    """Input and output tokens of a call with this one message."""
    return len(content), len(content.upper())


@contextmanager
def serving() -> Iterator[str]:
    """The base URL for an OpenAI client."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if asked["model"] == "no-such-model":
            self._answer(404, {"error": {"message": "The model does not exist", "type": "invalid_request_error"}})
        elif asked.get("stream"):
            self._stream(asked["model"], asked["messages"][-1]["content"])
        else:
            self._answer(200, _completion(asked["model"], asked["messages"][-1]["content"]))

    def log_message(self, *_: Any) -> None:
        """Say nothing of each request."""

    def _answer(self, status: int, body: Any) -> None:
        self._send(status, "application/json", json.dumps(body).encode())

    def _stream(self, model: str, content: str) -> None:
        deltas = [*({"content": letter} for letter in content.upper()), {}]
        chunks = [_chunk(model, delta, "stop" if not delta else None) for delta in deltas]
        text = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        self._send(200, "text/event-stream", text.encode())

    def _send(self, status: int, media_type: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _completion(model: str, content: str) -> dict[str, Any]:
    read, written = tokens(content)
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": model,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": content.upper()}, "finish_reason": "stop"}
        ],
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
        },
    }


def _chunk(model: str, delta: dict[str, str], finish_reason: str | None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    }
