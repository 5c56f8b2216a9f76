"""OpenTelemetry's trace export: both encodings in, one mapping to spans, its answers out."""

from ..batch import MAX_SPANS, Batch
from ..json_limits import MAX_DEPTH
from .answers import encode_status, encode_success, is_protobuf
from .json_encoding import read_json
from .protobuf_encoding import read_protobuf

__all__ = ["encode_status", "encode_success", "is_protobuf", "read", "read_json", "read_protobuf"]


def read(body: bytes, content_type: str, *, max_spans: int = MAX_SPANS, max_depth: int = MAX_DEPTH) -> Batch:
    """The spans of an export request in the encoding that its content type names. Raises `InvalidInput`."""
    if is_protobuf(content_type):
        return read_protobuf(body, max_spans=max_spans)
    return read_json(body, max_spans=max_spans, max_depth=max_depth)
