"""Submit a request, watch the job, print the article: the Python client from beginning to end.

    .venv/bin/python samples/client_python.py "How much sleep do adults need?"

Talks to the stack of ./dev up, or to CONTENT_ARCHITECT_API_URL with the key in CONTENT_ARCHITECT_API_KEY.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "clients" / "python"))

from content_architect_client import ContentArchitect, ContentArchitectError, Options


def main() -> int:
    """Exit code 1 when the job ended without an article, or the service refused."""
    # Microsoft's socket client warns whenever it is closed.
    logging.getLogger("azure.messaging.webpubsubclient").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description="Write an article with the Python client.")
    parser.add_argument("topic")
    parser.add_argument("--no-socket", action="store_true", help="poll instead of listening")
    arguments = parser.parse_args()
    options = Options(
        base_url=os.environ.get("CONTENT_ARCHITECT_API_URL", "http://127.0.0.1:7071"),
        api_key=os.environ.get("CONTENT_ARCHITECT_API_KEY"),
    )
    request = {
        "topic": arguments.topic,
        "contentType": "blog_post",
        "audience": "b2c",
        "targetLength": "short",
    }
    with ContentArchitect(options) as architect:
        try:
            job_id = architect.submit(request)["jobId"]
            for event in architect.watch(job_id, socket=not arguments.no_socket):
                step = event["data"].get("step", event["data"].get("status", ""))
                print(f"{event.get('sequence', '-'):>3} {event['type']} {step}", file=sys.stderr)
            print(architect.result(job_id, form="markdown"))
        except ContentArchitectError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
