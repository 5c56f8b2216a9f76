# /// script
# dependencies = ["keywordsai==1.0.4"]
# ///
"""The SDK of Keywords AI for logs: it parses a page whose content must be text, whatever encoding the spans came by."""

import os
import uuid

import httpx
from checks import Checks
from keywordsai.logs.api import LogAPI
from keywordsai.types.log_types import KeywordsAILogParams

URL, KEY = os.environ["SPANSTATS_URL"].rstrip("/"), os.environ["SPANSTATS_API_KEY"]


def main() -> None:
    checks, client, customer = Checks(), LogAPI(api_key=KEY, base_url=URL), f"c-{uuid.uuid4()}"
    export(customer, '{"args": [1]}', "[1, 2]")
    posted = KeywordsAILogParams(
        model="gpt-4o", input="What?", output="That.", status_code=200, customer_identifier=customer
    )
    created = client.create(posted)
    checks.equal("a log is read", client.get(created["id"]).output, "That.")
    page = client.list(page_size=10, customer_identifier=customer)
    checks.equal("logs of the customer", page.count, 2)
    content = sorted((log.input, log.output) for log in page.results)
    checks.equal("content", content, [("What?", "That."), ('{"args": [1]}', "[1, 2]")])
    checks.finish()


def export(customer: str, sent: str, answered: str) -> None:
    """A span as OpenTelemetry's exporters send it, with content as text that is JSON."""
    texts = {
        "traceloop.entity.input": sent,
        "traceloop.entity.output": answered,
        "respan.customer_params.customer_identifier": customer,
    }
    span = {
        "traceId": uuid.uuid4().hex,
        "spanId": uuid.uuid4().hex[:16],
        "name": "step",
        "startTimeUnixNano": "1777593600000000000",
        "endTimeUnixNano": "1777593601000000000",
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in texts.items()],
    }
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    headers = {"Authorization": f"Bearer {KEY}"}
    httpx.post(f"{URL}/api/v2/traces", json=body, headers=headers).raise_for_status()


main()
