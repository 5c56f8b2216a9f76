"""The keys of an experiment's traces: as answered, as a table, and as described."""

from collections.abc import Iterable, Sequence
from typing import Any

from ...domain.times import iso
from ...insights.known_keys import KnownKeys
from .answers import Json, experiment_object
from .schema import EXPERIMENT, SNAPSHOT, described

_KEYS: Json = {"type": "array", "items": {"type": "string"}}

KEYS_ANSWER = described(
    {
        "type": "object",
        "properties": {
            "as_of": SNAPSHOT["as_of"],
            "experiment": EXPERIMENT,
            "metadata": {**_KEYS, "description": "Filtered by as `metadata__<key>`, grouped by as `metadata.<key>`"},
            "labels": {**_KEYS, "description": "Filtered and grouped by under the same name"},
            "truncated": {"type": "boolean", "description": "There are more keys than are answered"},
        },
        "required": ["as_of", "metadata", "labels", "truncated"],
    },
    {
        "as_of": "2026-11-28T10:15:02.000123+00:00",
        "metadata": ["topic", "user"],
        "labels": ["environment"],
        "truncated": False,
    },
    table="object,key\r\nmetadata,topic\r\nmetadata,user\r\nlabels,environment\r\n",
)


def known_keys_object(keys: KnownKeys) -> Json:
    """The keys by the object that has them."""
    return {
        "as_of": iso(keys.as_of),
        "experiment": experiment_object(keys.experiment),
        "metadata": keys.metadata,
        "labels": keys.labels,
        "truncated": keys.is_cut,
    }


def known_keys_table(keys: KnownKeys) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
    """A row for each key."""
    rows = [("metadata", key) for key in keys.metadata] + [("labels", key) for key in keys.labels]
    return ("object", "key"), rows
