"""What a trace takes on disk, new and packed, by table and index: `python -m benchmarks.bytes [TRACES]`.

Traces of seven spans with two scores, each sent in two requests, with random ids. Prompts, documents and answers are
docstrings of installed packages: the dictionary that payloads are packed with was trained on others. Tables are
vacuumed as often as autovacuum would do it. What packing frees is given to new rows, so it is not counted.
"""

import ast
import asyncio
import json
import random
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.catalog.packing_runs import pack_traces
from spanstats.dialects.parea.stats import stats_entry
from spanstats.domain.keys import TenantId
from spanstats.domain.span import Score, Span
from spanstats.ingest.commits import Committer
from spanstats.ingest.evaluators import Evaluators
from spanstats.ingest.tools import Tools
from spanstats.store.embedded import EmbeddedServer
from spanstats.store.schema import migrate
from spanstats.store.session import Database, Kind, create_engine

_console = Console(highlight=False)
_TRACES = 4_000
_AT_A_TIME = 20
_TEXTS = 6_000
_TABLES = ("spans", "packed_spans", "span_payloads", "packed_payloads", "traces", "scores")
_START_US = 1_780_000_000_000_000
_LATER_US = 2_000_000_000_000_000
# Autovacuum's own rule, with its defaults.
_VACUUM_SHARE, _VACUUM_LEAST = 0.2, 50
_STEPS = (
    *(("answer", "workflow"), ("agent", "agent"), ("retrieve", "tool"), ("ChatOpenAI", "chat")),
    *(("search", "tool"), ("ChatOpenAI", "chat"), ("rerank", "tool")),
)
_SYSTEM = "You answer questions about a library. Use the documents."
_SIZES = """
SELECT c.relname, i.indexrelname, pg_relation_size(i.indexrelid) AS index_bytes, pg_table_size(c.oid) AS bytes
FROM pg_class c LEFT JOIN pg_stat_user_indexes i ON i.relid = c.oid
WHERE c.relname = ANY ($1::text[]) AND c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
ORDER BY c.relname, i.indexrelname
"""


def texts() -> list[str]:
    """Docstrings of installed packages."""
    found: list[str] = []
    for file in sorted(Path(sysconfig.get_path("purelib")).glob("[a-m]*/**/*.py")):
        if len(found) >= _TEXTS:
            break
        try:
            tree = ast.parse(file.read_text("utf8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        documented = [n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)]
        found += [text for node in documented if len(text := ast.get_docstring(node) or "") > 150]
    return found


def trace(number: int, rng: random.Random, known: list[str]) -> Iterator[Span]:
    """A question that is answered with two calls of a model and three tools."""
    trace_id, root_id = f"{rng.getrandbits(128):032x}", f"{rng.getrandbits(64):016x}"
    start_us = _START_US + number * 250_000 + rng.randrange(200_000)
    metadata = {"env": rng.choice(["prod", "test"]), "user": f"user-{rng.randrange(900)}", "release": "2026.11.3"}
    question, answer = rng.choice(known)[:300], rng.choice(known)[:450]
    for step, (name, kind) in enumerate(_STEPS):
        took_us = rng.randrange(20_000, 900_000)
        of_model = _of_model(rng) if kind == "chat" else {}
        input_, output = _content(kind, question, answer if step != 3 else rng.choice(known)[:400], rng, known)
        sent = {"telemetry.sdk.language": "python", **({"gen_ai.request.temperature": 0.2} if of_model else {})}
        began_us = start_us + step * 40_000 + rng.randrange(9_000)
        yield Span(
            trace_id=trace_id,
            span_id=f"{rng.getrandbits(64):016x}" if step else root_id,
            parent_id=root_id if step else None,
            name=name,
            kind=kind,
            status="success",
            start_us=began_us,
            end_us=began_us + took_us,
            latency_us=took_us,
            usage_once=True,
            experiment_id=None if step else "experiment",
            metadata=metadata,
            input=json.dumps(input_),
            output=json.dumps(output),
            attributes=sent,
            scores=None if step else _scores(rng),
            **of_model,
        )


def _of_model(rng: random.Random) -> dict[str, Any]:
    return {
        "model": "gpt-4o-mini-2024-07-18",
        "provider": "openai",
        "prompt_tokens": rng.randrange(200, 900),
        "completion_tokens": rng.randrange(20, 300),
        "response_id": f"chatcmpl-{rng.getrandbits(110):022x}",
    }


def _content(kind: str, question: str, answer: str, rng: random.Random, known: list[str]) -> tuple[object, object]:
    if kind == "chat":
        messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": question}]
        return {"messages": messages}, {"role": "assistant", "content": answer}
    if kind == "tool":
        document = {"document": rng.choice(known)[:700], "score": round(rng.random(), 4)}
        return {"query": question[:100], "k": 3}, [document]
    return {"question": question}, {"answer": answer}


def _scores(rng: random.Random) -> list[Score]:
    reason = "The answer names the function."
    return [
        Score("exact", float(rng.random() < 0.7), name="exact"),
        Score("judge", round(rng.random(), 2), name="judge", reason=reason),
    ]


async def _vacuum(engine: AsyncEngine, tables: tuple[str, ...], how: str = "") -> None:
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        for table in tables:
            if (await connection.exec_driver_sql(f"SELECT to_regclass('{table}') IS NOT NULL")).scalar_one():
                await connection.exec_driver_sql(f"VACUUM {how} {table}")


async def _write(engine: AsyncEngine, traces: int) -> None:
    rng, known, vacuumed = random.Random(5), texts(), 0  # noqa: S311
    tools = Tools(lambda span: (span.prompt_tokens or 0) * 150_000 if span.model else None, stats_entry, Evaluators())
    committer = Committer(Database(engine), tools)
    for begin in range(0, traces, _AT_A_TIME):
        some = [list(trace(n, rng, known)) for n in range(begin, min(begin + _AT_A_TIME, traces))]
        # As exporters send them: what ends first comes first.
        for part in (slice(3, None), slice(3)):
            await committer.submit(TenantId(1), [span for spans in some for span in spans[part]])
        if begin - vacuumed > _VACUUM_LEAST + _VACUUM_SHARE * begin:
            await _vacuum(engine, ("traces",))
            vacuumed = begin
    await committer.stop()
    await _vacuum(engine, _TABLES, "ANALYZE")


async def _sizes(engine: AsyncEngine, traces: int) -> dict[str, float]:
    """Bytes of a trace by table and index."""
    sizes: dict[str, float] = {}
    async with Database(engine).transaction(Kind.READ) as tx:
        for table, index, index_bytes, table_bytes in await tx.driver.fetch(_SIZES, list(_TABLES)):
            sizes[table] = table_bytes / traces
            if index is not None:
                sizes[f"{table}: {index}"] = index_bytes / traces
    return sizes


async def _pack(engine: AsyncEngine) -> None:
    async with Database(engine).transaction(Kind.WRITE) as tx:
        await tx.driver.execute("UPDATE packing SET allowed_from = now()")
    began, packed = time.process_time(), 0
    async for n in pack_traces(Database(engine), _LATER_US):
        packed += n
    took_us = (time.process_time() - began) * 1e6
    _console.print(f"{packed} traces packed; {took_us / max(packed, 1):.0f} us a trace of this process")
    await _vacuum(engine, ("spans", "span_payloads"), "FULL")
    await _vacuum(engine, _TABLES, "ANALYZE")


def _report(new: dict[str, float], packed: dict[str, float]) -> None:
    for name in sorted({*new, *packed}, key=lambda n: (_TABLES.index(n.split(":")[0]), n)):
        _console.print(f"{name:<45} {new.get(name, 0):>8,.0f} {packed.get(name, 0):>8,.0f}")
    before, after = sum(new.values()), sum(packed.values())
    _console.print(f"{'together':<45} {before:>8,.0f} {after:>8,.0f}   {after / before:.1%}")


async def measure(url: str, traces: int) -> None:
    """Write, measure, pack, measure."""
    engine = create_engine(url)
    await _write(engine, traces)
    new = await _sizes(engine, traces)
    await _pack(engine)
    _report(new, await _sizes(engine, traces))
    await engine.dispose()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="spanstats-bytes-") as home:
        server = EmbeddedServer(Path(home))
        server.start()
        try:
            migrate(server.url())
            asyncio.run(measure(server.url(), int(sys.argv[1]) if len(sys.argv) > 1 else _TRACES))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
