"""How often a tenant may ask: a bucket of tokens for each, of one second's worth, in each worker."""

import math
import time
from collections.abc import Callable

from ..domain.keys import TenantId
from ..errors import TooMany

_FORGET_FROM = 10_000


class Rates:
    """Buckets that fill at `per_second` tokens; without a rate no tenant is held back."""

    def __init__(self, per_second: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._buckets: dict[int, tuple[float, float]] = {}
        """Tenant -> (tokens, when they were counted)."""

    def take(self, tenant_id: TenantId) -> None:
        """One token of the tenant's. Raises `TooMany` where none is left."""
        rate = self._per_second
        if rate is None:
            return
        now, size = self._clock(), max(1.0, rate)
        tokens, counted = self._buckets.pop(tenant_id, (size, now))
        tokens = min(size, tokens + (now - counted) * rate)
        # Put back at the end: the first is the one that asked longest ago.
        self._buckets[tenant_id] = tokens - 1 if tokens >= 1 else tokens, now
        if len(self._buckets) > _FORGET_FROM:
            del self._buckets[next(iter(self._buckets))]
        if tokens < 1:
            wait_s = max(1, math.ceil((1 - tokens) / rate))
            raise TooMany(f"At most {rate:g} requests a second; try again later", wait_s)
