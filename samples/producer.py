"""Drop a content job straight into the Service Bus queue, with the plain Azure SDK and nothing of ours.

    .venv/bin/python samples/producer.py "Artificial intelligence in healthcare"

Without a connection string in AZURE_SERVICE_BUS_CONNECTION_STRING it uses the local stack (``./dev up --detach``).
The job id is chosen here, so that a watcher can be opened before the job starts; leave it out and the service
derives one from the message id.
"""

from __future__ import annotations

import argparse
import json
import os
import uuid
from pathlib import Path

from azure.servicebus import ServiceBusClient, ServiceBusMessage

ENDPOINTS = Path(".localcloud/endpoints.json")


def connection_string() -> str:
    """The configured namespace, else the local stack's broker."""
    configured = os.environ.get("AZURE_SERVICE_BUS_CONNECTION_STRING")
    if configured:
        return configured
    if not ENDPOINTS.exists():
        raise SystemExit("No local stack runs here. Start it with: ./dev up --detach")
    return str(json.loads(ENDPOINTS.read_text(encoding="utf-8"))["serviceBus"])


def main() -> None:
    """Send one job and say where to look."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("topic")
    parser.add_argument("--workflow", default="standard")
    parser.add_argument(
        "--queue", default="content-jobs", help="content-jobs-high and content-jobs-low are the others"
    )
    arguments = parser.parse_args()
    job_id = str(uuid.uuid4())
    body = {
        "type": "content_generation",
        "jobId": job_id,
        "request": {
            "topic": arguments.topic,
            "contentType": "blog_post",
            "audience": "b2b",
            "workflowType": arguments.workflow,
        },
    }
    message = ServiceBusMessage(json.dumps(body), message_id=job_id, content_type="application/json")
    with (
        ServiceBusClient.from_connection_string(connection_string()) as client,
        client.get_queue_sender(arguments.queue) as sender,
    ):
        sender.send_messages(message)
    print(f"sent to {arguments.queue}: job {job_id}")
    print(f"watch it: .venv/bin/python samples/watch.py, then /samples/watch.html#{job_id}")


if __name__ == "__main__":
    main()
