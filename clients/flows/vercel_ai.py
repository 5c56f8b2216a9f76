# /// script
# dependencies = []
#
# [tool.npm]
# dependencies = [
#     "ai@7.0.173",
#     "@ai-sdk/openai@4.0.118",
#     "@ai-sdk/otel@1.0.173",
#     "@opentelemetry/api@1.9.1",
#     "@opentelemetry/sdk-trace-node@2.12.1",
#     "@opentelemetry/exporter-trace-otlp-http@0.223.1",
#     "zod@4.6.7",
# ]
# ///
"""The Vercel AI SDK on Node.js with its OpenTelemetry integration: agents and steps sum up their calls."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from instrumented import Call, Instrumentation, run

# A module of Node's finds packages beside itself alone.
SCRIPT = Path(sys.prefix) / "vercel_ai.mjs"
KINDS = ("chat", "responses", "agent", "stream", "embedding")


class Node:
    """Starts the script for each call; it must know the experiment that it is called in."""

    experiment = ""

    @contextmanager
    def inside(self, experiment_id: str) -> Iterator[None]:
        self.experiment = experiment_id
        yield

    def call(self, kind: str) -> Call:
        def start(url: str, text: str) -> None:
            command = [shutil.which("node") or "node", SCRIPT, kind, url, text, self.experiment]
            subprocess.run(command, check=True, timeout=60)

        return start


def main() -> None:
    shutil.copy(Path(__file__).parent.parent / "node" / SCRIPT.name, SCRIPT)
    node = Node()
    calls = {kind: node.call(kind) for kind in KINDS}
    run(Instrumentation("vercel-ai", calls, node.inside, lambda: None, tells_first_token={"stream"}))


if __name__ == "__main__":
    main()
