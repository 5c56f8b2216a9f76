"""Memory of arrays is used again without asking the system for it."""

import ctypes
import subprocess
import sys

import pytest

_FAULTS = """
import resource, threading
import numpy as np
from spanstats.allocator import keep_freed_memory

def work():
    codes, faults = np.arange(65_536, dtype=np.uint16), []
    for _ in range(20):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        codes.astype(np.float64) + codes.astype(np.int64)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    print(sum(faults[10:]))

if {keeps}:
    keep_freed_memory()
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def faults(*, keeps: bool) -> int:
    """Pages that the system had to give to ten rounds of work on arrays of half a MiB."""
    program = [sys.executable, "-c", _FAULTS.replace("{keeps}", str(keeps))]
    return int(subprocess.run(program, capture_output=True, text=True, check=True, timeout=60).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library has no such settings")
def test_an_array_takes_the_memory_of_the_one_before() -> None:
    assert faults(keeps=True) < 50 < faults(keeps=False)
