"""Two whole stacks, with the real parts and a small app, started through the developer command's own code."""

import contextlib
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from azure.data.tables import TableServiceClient
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from devtools import stack
from localcloud.supervisor.folder import DataFolder
from localcloud.supervisor.options import StackOptions

ROOT = Path(__file__).parents[2]
APP = """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="who")
async def who(req: func.HttpRequest) -> func.HttpResponse:
    import os
    return func.HttpResponse(os.environ["WEBSITE_INSTANCE_ID"] + " " + os.environ["CONTENT_ARCHITECT_API_URL"])
"""


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "repository"
    root.mkdir()
    (root / "function_app.py").write_text(APP)
    (root / "host.json").write_text('{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}')
    for name in ("localcloud", "node_modules"):
        (root / name).symlink_to(ROOT / name)
    return root


def read(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


@pytest.mark.node
def test_two_stacks_run_side_by_side_and_share_nothing(repository, tmp_path):
    options = [
        StackOptions(repository=repository, data=tmp_path / name, instances=count, in_memory=True)
        for name, count in (("one", 2), ("two", 1))
    ]
    with ThreadPoolExecutor() as pool, contextlib.ExitStack() as stopping:
        stacks = list(pool.map(lambda option: stack.start(option, tied=False), options))
        for running in stacks:
            stopping.callback(running.throw_away)
        one, two = (running.endpoints for running in stacks)
        assert not set(one["ports"].values()) & set(two["ports"].values())
        assert read(f"{two['api']}/who") == f"functions-1 {two['api']}"
        assert read(f"http://127.0.0.1:{one['ports']['functions-2']}/who") == f"functions-2 {one['api']}"
        with TableServiceClient.from_connection_string(one["storage"]) as tables:
            tables.create_table("jobs")
        with TableServiceClient.from_connection_string(two["storage"]) as tables:
            assert not list(tables.list_tables())
        with ServiceBusClient.from_connection_string(one["serviceBus"]) as bus:
            with bus.get_queue_sender("content-jobs") as sender:
                sender.send_messages(ServiceBusMessage("x"))
        assert '"incoming": 1' in read(one["serviceBusStats"])
        assert '"incoming": 1' not in read(two["serviceBusStats"])
        assert stack.stop(DataFolder(tmp_path / "two"))
        assert read(f"{one['api']}/who").startswith("functions-1")
    assert not any(DataFolder(option.data).is_owned() for option in options)
