"""Experiments to files and back: one line of JSON for the experiment, one for each trace, one at the end."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing
from typing import BinaryIO

import msgspec

from .catalog.restoring import restore_experiment
from .dialects.parea.stats import stats_entry
from .domain.archive import FORMAT, VERSION, End, Header, Line, Trace
from .domain.keys import TenantId
from .errors import invalid
from .ingest.evaluators import Evaluators
from .ingest.restore import restore_traces
from .ingest.tools import Tools
from .reading.archive import lines
from .store.session import Database

_SPANS_AT_A_TIME = 1_000

_decode = msgspec.json.Decoder(Line).decode
_encode = msgspec.json.Encoder().encode


async def write(database: Database, tenant_id: TenantId, experiment_id: str, out: BinaryIO) -> int:
    """Write the experiment as it is at this moment; how many traces it has. Raises `NotFound`, `Unavailable`."""
    count = 0
    async with aclosing(lines(database, tenant_id, experiment_id)) as exported:
        async for line in exported:
            out.write(_encode(line) + b"\n")
            count += isinstance(line, Trace)
    return count


async def read(
    database: Database, tenant_id: TenantId, lines: Iterable[bytes], advance: Callable[[int], None]
) -> tuple[str, int, int]:
    """Restore an experiment; its id, how many traces were written, and how many were there before.

    `advance` is called with the number of traces of each transaction. After an interruption the same file may be read
    again. Raises `InvalidInput` where a line is not one of an archive or the last one is missing, `Conflict` where what
    is stored is in the way, `Unavailable`.
    """
    numbered = _lines(lines)
    header = next(numbered, None)
    if not isinstance(header, Header) or header.format != FORMAT or header.version != VERSION:
        raise invalid(f"is not an archive of an experiment, version {VERSION}", "line 1")
    tools = Tools(lambda _span: None, stats_entry, Evaluators())
    key = await restore_experiment(database, tenant_id, header.experiment, header.evaluators)
    written = n_read = 0
    for group in _groups(numbered):
        written += await restore_traces(database, tenant_id, key, group, tools)
        n_read += len(group)
        advance(len(group))
    return header.experiment.id, written, n_read - written


def _lines(lines: Iterable[bytes]) -> Iterator[Line]:
    for number, line in enumerate(lines, 1):
        try:
            yield _decode(line)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise invalid(str(error), f"line {number}") from None


def _groups(lines: Iterator[Line]) -> Iterator[list[Trace]]:
    """The traces, some at a time; the last line must follow them and hold their number."""
    group: list[Trace] = []
    count = spans = 0
    for line in lines:
        if isinstance(line, End) and line.traces == count and next(lines, None) is None:
            yield group
            return
        if not isinstance(line, Trace):
            break
        group.append(line)
        count += 1
        spans += len(line.spans)
        if spans >= _SPANS_AT_A_TIME:
            yield group
            group, spans = [], 0
    raise invalid(f"ends before its end; {count} traces were read", "file")
