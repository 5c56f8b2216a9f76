"""Addresses among the settings: of shards and their standbys, and of a collector of traces."""

import os
from ipaddress import ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr

from .domain.shards import FIRST, is_name
from .store import addresses


class NamedUrl(NamedTuple):
    """The address of a shard, or of a standby of it."""

    name: str
    url: SecretStr


def named_url(text: str) -> NamedUrl:
    """`NAME=postgresql://...`; without a name it is of the first shard. Raises `ValueError`."""
    before, separator, after = text.partition("=")
    is_named = separator and "/" not in before
    if is_named and before != FIRST and not is_name(before):
        raise ValueError("a shard's name is made of a-z, 0-9, - and _")
    address = addresses.parse(after if is_named else text, os.environ)
    if address.is_pooled:
        raise ValueError("must not lead through a pooler that lends a server for one transaction")
    return NamedUrl(before if is_named else FIRST, SecretStr(address.url()))


def is_network(text: str) -> bool:
    """Whether it is an address, or a network as CIDR writes it."""
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def collector_url(text: str) -> str:
    """The address, with OTLP's usual path where it has none. Raises `ValueError`; its text holds no part of it."""
    try:
        url = urlsplit(text)
        reachable = bool(url.hostname) and url.port != 0
    except ValueError:
        reachable = False
    if not reachable or url.scheme not in ("http", "https") or not all("!" <= c <= "~" for c in text):
        raise ValueError("is not an address like http://collector:4318/v1/traces")
    if url.username is not None or url.query or url.fragment:
        raise ValueError("must hold no user, ? or #: put credentials into OTEL_EXPORTER_OTLP_HEADERS")
    return url._replace(path="/v1/traces").geturl() if url.path in ("", "/") else text
