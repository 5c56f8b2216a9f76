"""How many wrong keys an address may try: people mistype, and machines guess."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

from ..errors import TooMany

_MOST_ADDRESSES = 10_000
_IPV6_PREFIX = 64
"""Bits of an IPv6 address that are the network's: one holder has all addresses of it."""


class Attempts:
    """Wrong keys by address in one worker: at most `most` different ones in `period_s` seconds.

    A wrong key that is tried again is no further guess. Of keys only a digest is kept, for as long as it counts.
    """

    def __init__(self, most: int = 10, period_s: float = 60, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._period_s = period_s
        self._clock = clock
        self._failed: OrderedDict[str, dict[bytes, float]] = OrderedDict()

    def begin(self, address: str, key: str) -> None:
        """Count the key as wrong until it is known: many that are tried at once are counted too.

        Raises `TooMany` where the address has tried too many wrong keys.
        """
        holder, digest = holder_of(address), _digest(key)
        recent = self._recent(holder)
        if len(recent) >= self._most:
            wait_s = max(1, round(self._period_s - (self._clock() - min(recent.values()))))
            raise TooMany("Too many sign-ins with wrong keys; try again later", wait_s)
        self._failed[holder] = {digest: self._clock()} | recent
        self._failed.move_to_end(holder)
        if len(self._failed) > _MOST_ADDRESSES:
            # The address that failed last the longest ago.
            self._failed.popitem(last=False)

    def forget(self, address: str, key: str) -> None:
        """The key was not wrong, or nothing is known of it."""
        self._failed.get(holder_of(address), {}).pop(_digest(key), None)

    def _recent(self, holder: str) -> dict[bytes, float]:
        since = self._clock() - self._period_s
        return {key: at for key, at in self._failed.get(holder, {}).items() if at > since}


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def holder_of(address: str) -> str:
    """Who an address belongs to, as far as it says: itself, of IPv6 its network; an unknown one is one holder."""
    try:
        ip = ip_address(address)
    except ValueError:
        return ""
    if not isinstance(ip, IPv6Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ip_network((int(ip), _IPV6_PREFIX), strict=False))
