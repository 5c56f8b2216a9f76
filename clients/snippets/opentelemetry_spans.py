# /// script
# dependencies = [
#     "opentelemetry-exporter-otlp-proto-http==1.45.2",
#     "opentelemetry-sdk==1.45.2",
# ]
# ///
import os

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("greetings")

with tracer.start_as_current_span("greet", attributes={"experiment_id": "greetings-otel"}):
    with tracer.start_as_current_span("chat gpt-4o-mini") as call:
        call.set_attribute("gen_ai.request.model", "gpt-4o-mini")
        call.set_attribute("gen_ai.usage.input_tokens", 120)
        call.set_attribute("gen_ai.usage.output_tokens", 30)
provider.force_flush()

summary = requests.get(
    f"{os.environ['SPANSTATS_URL']}/api/v2/experiments/greetings-otel/logs/summary/",
    headers={"Authorization": f"Bearer {os.environ['SPANSTATS_API_KEY']}"},
    timeout=10,
).json()
print(summary["total_count"], summary["total_tokens"], summary["total_cost"])  # 1 150 3.6e-05
