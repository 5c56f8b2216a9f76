"""Of the many cases that schemathesis makes of each place of a schema, some of each kind (`test_described.py`).

A field is sent one value of a wrong type, or two, not all five; `make fuzz` sends every case.
"""

import zlib
from collections import Counter

import schemathesis
from schemathesis.generation.meta import CoveragePhaseData

ONE_OF = 8

_counts: Counter[str] = Counter()


@schemathesis.hook  # type: ignore[untyped-decorator]
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Whether the case is sent: the first of its kind, and one of `ONE_OF` after it."""
    data = case.meta.phase.data if case.meta else None
    if not isinstance(data, CoveragePhaseData):
        return True
    kind = f"{case.operation.label} {data.scenario} {data.parameter_location} {data.parameter} {data.location}"
    number = _counts[kind]
    _counts[kind] += 1
    # Not the same type of every field.
    return number == 0 or (number + zlib.crc32(kind.encode())) % ONE_OF == 0
