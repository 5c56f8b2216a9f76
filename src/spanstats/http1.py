"""HTTP/1.1 as this service speaks it: uvicorn's protocol over httptools, with every request served whole.

httptools takes an offer of another protocol (`Upgrade: h2c`, as Java's HttpClient and `curl --http2` send it) for the
end of HTTP, and drops the body of that request. A server may ignore the offer, as if it was not made (RFC 9110, 7.8).
"""

import asyncio
from typing import cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_NOT_HTTP1 = "This server speaks HTTP/1.1 only, and is no proxy."
_HTTP2_PREFACE = b"PRI * HTTP/2"


class OneWrite:
    """The transport of one answer, whose head it sends together with what follows: one packet instead of two."""

    __slots__ = ("_cycle", "_head", "_is_head_sent", "_on_response", "_transport")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._transport = cycle.transport
        self._on_response = cycle.on_response
        self._head = b""
        self._is_head_sent = False

    @classmethod
    def take_over(cls, cycle: RequestResponseCycle) -> None:
        """Have the answer of this cycle sent so."""
        one = cls(cycle)
        cycle.transport, cycle.on_response = cast(asyncio.Transport, one), one.end

    def write(self, data: bytes) -> None:
        if self._is_head_sent or not self._cycle.response_started:
            # A later part of the body, or `100 Continue`.
            self._transport.write(data)
        elif not self._head:
            self._head = data
        else:
            self._is_head_sent = True
            self._transport.write(self._head + data)

    def end(self) -> None:
        """The answer is complete; one to `HEAD` has no body."""
        self._flush()
        self._on_response()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _flush(self) -> None:
        if self._head and not self._is_head_sent:
            self.write(b"")


class Http1(HttpToolsProtocol):
    """One connection. A request that offers an upgrade is parsed again without the offer; others cost nothing more."""

    _offer = b""
    _keep_alive = False

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self._feed(data)
        except httptools.HttpParserError:
            message = _NOT_HTTP1 if data.startswith(_HTTP2_PREFACE) else "Invalid HTTP request received."
            self.logger.warning(message)
            self.send_400_response(message)

    def _feed(self, data: bytes) -> None:
        """Parse what came; each offer of an upgrade ends a parser, and the next one goes on behind the offer."""
        rest = memoryview(data)
        while True:
            try:
                self.parser.feed_data(rest)
                return
            except httptools.HttpParserUpgrade as paused:
                if self.parser.get_method() == b"CONNECT":
                    self.send_400_response(_NOT_HTTP1)
                    return
                rest = rest[paused.args[0] :]
                self.parser = _parser(self)
                self.parser.feed_data(self._offer)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            self._offer = self._without_offer()
            return
        super().on_headers_complete()
        # Fields behind a chunked body are no headers (RFC 9110, 6.5.1): they go into a list of their own.
        self.headers = []
        OneWrite.take_over(self.cycle)
        self._keep_alive = self.cycle.keep_alive
        if self.expect_100_continue:
            # A client that is answered before it was asked for the body may send it or not: only an end is clear.
            self.cycle.keep_alive = False

    def _without_offer(self) -> bytes:
        """The head of the request that is being parsed, as it was sent but for the header `Upgrade`."""
        start = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        return start + b"".join(b"%b: %b\r\n" % h for h in self.headers if h[0] != b"upgrade") + b"\r\n"

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        if self.expect_100_continue and not self.cycle.response_started:
            self.cycle.keep_alive = self._keep_alive

    def shutdown(self) -> None:
        self._keep_alive = False
        super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be parsed and close, but never instead of the answer to an earlier request."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            super().send_400_response(msg)
        elif not cycle.more_body:
            cycle.keep_alive = False
        elif self.pipeline or cycle.response_started:
            self.transport.close()
        else:
            super().send_400_response(msg)


def _parser(protocol: HttpToolsProtocol) -> httptools.HttpRequestParser:
    """A parser like the one with which uvicorn begins a connection."""
    parser = httptools.HttpRequestParser(protocol)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser
