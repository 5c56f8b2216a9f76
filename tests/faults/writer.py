"""A client that reads what it wrote, throughout whatever happens to the database."""

import threading
import time

import httpx

from tests.services import NO_TLS, Service

from .leaks import KEY

PATIENCE_S = 5.0
HEADERS = {"x-api-key": KEY}


class Client(threading.Thread):
    """Writes one trace after another, reads how many there are after each, and remembers what was answered."""

    def __init__(self, service: Service, reads: Service | None = None) -> None:
        """`reads` is the service that is read from, where it is another."""
        super().__init__(daemon=True)
        self._base = f"http://127.0.0.1:{service.port}"
        self._reads = f"http://127.0.0.1:{(reads or service).port}"
        self._experiment = f"e{time.monotonic_ns()}"
        self._ended = threading.Event()
        self.acknowledged = 0
        self.asked = 0
        self.statuses: set[tuple[str, int]] = set()
        self.stale: list[tuple[int, int]] = []

    def run(self) -> None:
        with httpx.Client(base_url=self._base, headers=HEADERS, timeout=20, verify=NO_TLS) as client:
            while not self._ended.wait(0.02):
                self._write(client)
                self._read(client)
                self.statuses.add(("ready", client.get(f"{self._reads}/readyz").status_code))

    def _write(self, client: httpx.Client) -> None:
        self.asked += 1
        span = {"trace_unique_id": f"{self._experiment}-{self.asked}", "span_unique_id": "s"}
        span["metadata"] = {"experiment_id": self._experiment}  # type: ignore[assignment]
        answer = client.post("/api/v1/traces/ingest", json=[span])
        self.statuses.add(("write", answer.status_code))
        self.acknowledged += answer.status_code == 200

    def _read(self, client: httpx.Client) -> None:
        for filters in ({}, {"filters": {"cost": {"operator": "gte", "value": [0]}}}):
            answer = client.post(f"{self._reads}/api/v2/experiments/{self._experiment}/logs/summary/", json=filters)
            self.statuses.add(("read", answer.status_code))
            count = answer.json()["total_count"] if answer.status_code == 200 and not filters else None
            if count is not None and not self.acknowledged <= count <= self.asked:
                self.stale.append((count, self.acknowledged))

    def forget(self) -> None:
        """Look at what is answered from now on alone."""
        self.statuses.clear()

    def goes_on(self, within_s: float = PATIENCE_S) -> None:
        """Fails where no write is acknowledged within this time, or the service is not ready after it."""
        before, deadline = self.acknowledged, time.monotonic() + within_s
        while self.acknowledged == before:
            assert time.monotonic() < deadline, self.statuses
            time.sleep(0.02)

    def __enter__(self) -> "Client":
        self.start()
        self.goes_on()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join(30)
        assert self.stale == []
