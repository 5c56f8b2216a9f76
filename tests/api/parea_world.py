"""The recorded run of Parea's SDK, stored in a service under test, and requests to that service."""

import json
from dataclasses import dataclass
from typing import Any

import httpx

from tests.dialects.recorded import load

API = "/api/parea/v1"


def recorded() -> list[dict[str, Any]]:
    return load("parea/python_sdk_run.json")


@dataclass
class Recording:
    """The recorded run with the ids that the service gave out in place of the recorded ones."""

    client: httpx.AsyncClient
    project: str
    experiment: str
    replaced: dict[str, str]

    def as_sent(self, recorded: Any) -> Any:
        """Recorded JSON with the ids of this service."""
        text = json.dumps(recorded)
        for old, new in self.replaced.items():
            text = text.replace(old, new)
        return json.loads(text)

    async def send(self, record: dict[str, Any]) -> httpx.Response:
        request = self.as_sent({"path": record["path"], "body": record["body"]})
        content = b"" if request["body"] is None else json.dumps(request["body"]).encode()
        return await self.client.request(record["method"], request["path"], content=content)

    async def answer(self, seq: int) -> Any:
        """The answer to the request of this number, which must succeed."""
        response = await self.send(next(r for r in recorded() if r["seq"] == seq))
        assert response.status_code == 200, response.text
        return response.json()


async def replay(client: httpx.AsyncClient, until: int = 96) -> Recording:
    """The recorded requests up to this number, sent to the service."""
    requests = recorded()
    project = (await client.post(f"{API}/project", json=requests[0]["body"])).json()["uuid"]
    created = await client.post(f"{API}/experiment", json={**requests[1]["body"], "project_uuid": project})
    experiment = created.json()["uuid"]
    old_project = requests[1]["body"]["project_uuid"]
    old_experiment = next(r for r in requests if r["path"].endswith("/finished"))["path"].split("/")[-2]
    recording = Recording(client, project, experiment, {old_project: project, old_experiment: experiment})
    for record in requests[2:]:
        if record["seq"] <= until:
            response = await recording.send(record)
            assert response.status_code == 200, (record["seq"], response.text)
    return recording
