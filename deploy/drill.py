"""Harm a running service while spans are posted to it, then check that every span counts exactly once.

    python deploy/drill.py 'docker compose kill database && docker compose start database'

`SPANSTATS_URL` is the address of the service, and `SPANSTATS_API_KEY` is a key of it. The shell runs each command once,
one after another, while spans are posted. Spans that were not acknowledged are sent again, as SDKs do. The script needs
only Python. It leaves an experiment named `drill-` and a number. The exit code is 1 if a span is lost, counted twice or
wrong.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

# A span of place p has 16 ** p input tokens, so each digit of a trace's sum tells how often one span is in it.
PLACES = range(5)
WHOLE = 0x11111
DOLLAR_PD = 10**12
COST_PD = 1_000_000  # picodollars a span
TRACES_PER_BATCH = 4
PAUSE_S = 0.05
TIMEOUT_S = 30.0
WORTH_A_RETRY = ("408", "429")

Body = tuple[str, object]


@dataclass
class Drill:
    """What was acknowledged so far; lanes post until they are told to stop, and finish the trace they are at."""

    url: str
    key: str
    experiment: str
    patience_s: float
    stopped: threading.Event = field(default_factory=threading.Event)
    traces: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    moments: list[float] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)

    def lane(self, dialect: str, number: int) -> None:
        """Post one trace, or a batch of them, after the other."""
        count = 0
        while not self.stopped.is_set() and not self.given_up:
            names = [f"{dialect}-{number}-{count + n}" for n in range(1 if dialect == "parea" else TRACES_PER_BATCH)]
            ids = [trace_id(self.experiment, name) for name in names]
            if all(self.acknowledged(body) for body in BODIES[dialect](self.experiment, ids)):
                self.traces += ids
            count += len(ids)

    def acknowledged(self, body: Body) -> bool:
        """Send until it is; false where patience is at its end."""
        deadline = time.monotonic() + self.patience_s
        while (answer := self.answer(*body)) != "200":
            if time.monotonic() > deadline or (answer[0] == "4" and answer not in WORTH_A_RETRY):
                self.given_up.append(f"{body[0]} answers {answer}")
                return False
            time.sleep(PAUSE_S)
        self.moments.append(time.monotonic())
        return True

    def answer(self, path: str, body: object) -> str:
        try:
            self.call(path, body)
            told = "200"
        except urllib.error.HTTPError as error:
            told = str(error.code)
        except OSError:
            told = "none"
        self.answers[told] += 1
        return told

    def call(self, path: str, body: object | None = None) -> Any:
        """The answer's JSON. Raises `OSError`, `HTTPError` among them."""
        headers = {"x-api-key": self.key, "authorization": f"Bearer {self.key}", "content-type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, content, headers)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as found:
                return json.load(found)
        except (ValueError, EOFError) as error:
            raise OSError("cut off") from error

    def longest_gap_s(self, since: float, until: float) -> float:
        """The longest time in which nothing was acknowledged."""
        moments = sorted([since, until, *(m for m in self.moments if since <= m <= until)])
        return max(b - a for a, b in itertools.pairwise(moments))


def trace_id(experiment: str, name: str) -> str:
    """32 hexadecimal digits, as OpenTelemetry wants them."""
    dialect, lane, number = name.split("-")
    return f"{int(experiment.split('-')[1]):016x}{dialect == 'otlp':02x}{int(lane):04x}{int(number):010x}"


def span_id(trace: str, place: int) -> str:
    return f"{trace[16:30]}{place:02x}"


def parea_logs(experiment: str, traces: list[str]) -> Iterator[Body]:
    """One request for each span, children before their root."""
    for trace in traces:
        for place in reversed(PLACES):
            yield (
                "/api/parea/v1/trace_log",
                {
                    "trace_id": trace if place == 0 else f"{trace}-{place}",
                    "root_trace_id": trace,
                    "parent_trace_id": trace,
                    "experiment_uuid": experiment,
                    "trace_name": "drill",
                    "start_timestamp": datetime.now(UTC).isoformat(),
                    "latency": 0.5,
                    "input_tokens": 16**place,
                    "output_tokens": 1,
                    "cost": COST_PD / DOLLAR_PD,
                    "scores": [{"name": "place", "score": place}],
                },
            )


def otlp_batch(experiment: str, traces: list[str]) -> Iterator[Body]:
    """All spans in one request."""
    start = time.time_ns()
    spans = [
        {
            "traceId": trace,
            "spanId": span_id(trace, place),
            "parentSpanId": span_id(trace, 0) if place else "",
            "name": "drill",
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + 5 * 10**8),
            "attributes": [
                {"key": "experiment_id", "value": {"stringValue": experiment}},
                # Each is a call of a model: what sums up other spans would not count beside them.
                {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": str(16**place)}},
                {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "1"}},
                {"key": "gen_ai.usage.cost", "value": {"doubleValue": COST_PD / DOLLAR_PD}},
            ],
        }
        for trace in traces
        for place in PLACES
    ]
    yield "/api/v1/traces", {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


BODIES = {"parea": parea_logs, "otlp": otlp_batch}


def faults(drill: Drill) -> Iterator[str]:
    """Whatever is not as it must be in either answer."""
    yield from drill.given_up
    stats = drill.call(f"/api/parea/v1/experiment/{drill.experiment}/stats")["parent_trace_stats"]
    found = {entry["trace_id"]: entry for entry in stats}
    cost, n = round(COST_PD * len(PLACES) / DOLLAR_PD, 12), len(drill.traces)
    if len(found) != len(stats):
        yield f"{len(stats) - len(found)} traces are listed twice"
    if not drill.given_up and found.keys() - drill.traces:
        yield f"{len(found.keys() - drill.traces)} traces were never sent"
    for trace in drill.traces:
        if trace not in found:
            yield f"trace {trace} is lost"
            continue
        entry = found[trace]
        scores = len(PLACES) if trace[17] == "0" else 0
        if (entry["input_tokens"], entry["output_tokens"], entry["cost"]) != (WHOLE, len(PLACES), cost):
            yield f"trace {trace} has input tokens {entry['input_tokens']:#x} and cost {entry['cost']}"
        elif len(entry["scores"]) != scores or entry["latency"] != 0.5:
            yield f"trace {trace} has {len(entry['scores'])} scores and latency {entry['latency']}"
    summary = drill.call(f"/api/v2/experiments/{drill.experiment}/logs/summary/")
    expected = {
        "total_count": n,
        "total_prompt_tokens": n * WHOLE,
        "total_completion_tokens": n * len(PLACES),
        "total_cost": n * len(PLACES) * COST_PD / DOLLAR_PD,
        "avg_latency": 0.5,
    }
    for name, value in expected.items():
        if not drill.given_up and summary[name] != value:
            yield f"the summary's {name} is {summary[name]}, not {value}"


def do_harm(drill: Drill, command: str, calm_s: float) -> str:
    """Run the command and wait until posting goes on; what it did to the clients."""
    began = time.monotonic()
    code = subprocess.run(command, shell=True, stdout=subprocess.DEVNULL, check=False).returncode
    ended = time.monotonic()
    while not drill.given_up and not any(moment > ended for moment in drill.moments[-100:]):
        time.sleep(PAUSE_S)
    gap = drill.longest_gap_s(began, time.monotonic())
    time.sleep(calm_s)
    return f"{command}: exit code {code} after {ended - began:.1f} s; nothing was acknowledged for {gap:.1f} s"


def main() -> int:
    """Exit code 0 where all that was acknowledged is there, once, and both answers are exact."""
    about = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about.add_argument("harm", nargs="*", help="shell commands that do harm and mend it")
    about.add_argument("--lanes", type=int, default=4, help="clients of each dialect at once (default: %(default)s)")
    about.add_argument("--calm", type=float, default=3, help="seconds of peace around each (default: %(default)s)")
    about.add_argument("--patience", type=float, default=120, help="seconds to wait at most (default: %(default)s)")
    asked = about.parse_args()
    url = os.environ.get("SPANSTATS_URL", "http://127.0.0.1:8000").rstrip("/")
    if not (key := os.environ.get("SPANSTATS_API_KEY")):
        about.error("SPANSTATS_API_KEY is not set")
    drill = Drill(url, key, f"drill-{int(time.time() * 1000)}", asked.patience)
    places = [(kind, number) for kind in BODIES for number in range(asked.lanes)]
    lanes = [threading.Thread(target=drill.lane, args=place, daemon=True) for place in places]
    for lane in lanes:
        lane.start()
    time.sleep(asked.calm)
    for command in asked.harm:
        print(do_harm(drill, command, asked.calm), flush=True)
    drill.stopped.set()
    for lane in lanes:
        lane.join()
    try:
        found = list(faults(drill))
    except OSError as error:
        found = [*drill.given_up, f"no answer to check: {error}"]
    for fault in found[:20]:
        print(f"FAILED: {fault}")
    spans = len(drill.traces) * len(PLACES)
    print(f"{drill.experiment}: {spans} spans acknowledged, {len(found)} faults; answers {dict(drill.answers)}")
    return 1 if found or not drill.traces else 0


if __name__ == "__main__":
    sys.exit(main())
