"""A server on this machine that answers as OpenAI and Anthropic do, and keeps a ledger of what it served to each run.

The question says what its answer uses (`ledger.py`). The run is the first part of the path:
`http://127.0.0.1:PORT/RUN/v1` for OpenAI's clients, without `/v1` for Anthropic's.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ledger import Bought, Ledger, Usage, asked, usage_of
from model_answers import APIS, question


@dataclass
class ModelServer:
    """Where it is, and what it served."""

    url: str = ""
    ledger: Ledger = field(default_factory=lambda: Ledger(Bought))

    def openai_url(self, run: str) -> str:
        return f"{self.url}/{run}/v1"

    def anthropic_url(self, run: str) -> str:
        return f"{self.url}/{run}"


@contextmanager
def serving() -> Iterator[ModelServer]:
    """A running server."""
    model_server = ModelServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"served": model_server}))
    model_server.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield model_server
    finally:
        server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: ModelServer

    def do_GET(self) -> None:
        """The ledger of a run, for clients that are not in this process."""
        bought = self.served.ledger[self.path.strip("/")]
        self._send(200, "application/json", json.dumps([[model, usage.__dict__] for model, usage in bought.calls]))

    def do_POST(self) -> None:
        run, _, api = self.path.partition("?")[0].lstrip("/").partition("/v1/")
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asks = question(body)
        says = asked(asks.text)
        usage = Usage() if "error" in says else usage_of(asks.text, anthropic=api == "messages")
        if api == "embeddings":
            usage.output = 0
        if "error" in says:
            message = {"message": f"planned {says['error']}", "type": "server_error"}
            self._send(int(says["error"]), "application/json", json.dumps({"type": "error", "error": message}))
            return
        self.served.ledger[run].calls.append((asks.model, usage))
        whole, stream = APIS[api]
        if asks.streams and stream is not None:
            time.sleep(float(says.get("wait", 0)))
            self._send(200, "text/event-stream", _events(stream(asks, usage), body))
        else:
            self._send(200, "application/json", json.dumps(whole(asks, usage)))

    def log_message(self, *_: Any) -> None:
        """Say nothing of each request."""

    def _send(self, status: int, media_type: str, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _events(events: list[tuple[str | None, Any]], body: dict[str, Any]) -> str:
    """Server-sent events; OpenAI's usage only where it was asked for."""
    wanted = events
    if events[0][0] is None and not (body.get("stream_options") or {}).get("include_usage"):
        wanted = [event for event in events if "usage" not in event[1]]
    text = "".join((f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n" for name, data in wanted)
    return text if events[0][0] else f"{text}data: [DONE]\n\n"
