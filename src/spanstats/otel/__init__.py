"""Traces of the service's own work by OpenTelemetry. Needs the extra `tracing`; imported only where it is used."""

from .export import tracing_to as tracing_to
