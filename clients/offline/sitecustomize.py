"""Python runs this before a client's script: whatever would leave this machine is refused.

Nothing in the clients is changed. An attempt is told on stderr, since many clients swallow the error.
"""

import ipaddress
import sys
from typing import Any

_LOOKED_UP = ("socket.getaddrinfo", "socket.gethostbyname")
_SENT_TO = ("socket.connect", "socket.sendto")


def _refuse_the_network(event: str, args: tuple[Any, ...]) -> None:
    if event in _LOOKED_UP:
        host = args[0]
    elif event in _SENT_TO and isinstance(args[1], tuple):
        host = args[1][0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else host
    if not _is_loopback(name):
        print(f"offline: refused to reach {name}", file=sys.stderr, flush=True)
        raise OSError(f"offline: {name} is not this machine")


def _is_loopback(name: str | None) -> bool:
    if name in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


sys.addaudithook(_refuse_the_network)
