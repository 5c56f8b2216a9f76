"""How the C library's allocator treats memory that arrays gave back."""

import ctypes
import sys

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

_KEPT = 8 * 2**20
"""Bytes that may stay with each arena, of which a thread has one."""
_LARGE = 2 * 2**20
"""Bytes from which on an array is fetched from the system and given back to it by itself: more than any column."""


def keep_freed_memory() -> bool:
    """Keep a little of the memory that was freed; returns whether this C library can.

    An array of a column takes half a MiB. By default glibc gives that back to the system at once, and has the system
    fill the next one with zeros, page by page: two fifths of the time of a question that groups ten million traces.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    # To set either of them ends glibc's own choice of both.
    return bool(mallopt and mallopt(_M_MMAP_THRESHOLD, _LARGE) and mallopt(_M_TRIM_THRESHOLD, _KEPT))
