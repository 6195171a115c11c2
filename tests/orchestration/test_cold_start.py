"""What a fresh process has loaded when it has accepted its first job: no layer, no text library, no identity library."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "CONTENT_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=c2VjcmV0;TableEndpoint=http://127.0.0.1:1/a",
    "AZURE_SERVICE_BUS_CONNECTION_STRING": "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=n;SharedAccessKey=k",
    "WEB_PUBSUB_CONNECTION_STRING": "Endpoint=http://127.0.0.1:1;AccessKey=S3CRETKEYS3CRETKEYS3CRETKEYS3CRETKEY;Version=1.0;",
}
PROGRAM = """
import asyncio, json, os, sys
import function_app
at_import = sorted(sys.modules)
from dataclasses import replace
from orchestration import bootstrap
from orchestration.adapters.memory import MemoryJobStore, MemoryPublisher, MemoryQueue
from orchestration.connections import connect
from orchestration.step_tools import research_tools
from orchestration.http import HttpCall
from orchestration.routes import ROUTES
from orchestration.settings import load_settings

async def main():
    settings = load_settings()
    outside = await connect(settings)
    twins = replace(outside, store=MemoryJobStore(outside.clock), queue=MemoryQueue(), publisher=MemoryPublisher())
    app = bootstrap.wire(settings, twins, research_tools(settings))
    request = {"topic": "Cold starts of function apps", "contentType": "blog_post", "audience": "b2b"}
    call = HttpCall(method="POST", headers={"content-type": "application/json"}, query={}, route={},
        body=json.dumps(request).encode())
    status = (await app.api.answer(ROUTES["generate"], call)).status
    await outside.close()
    return status

status = asyncio.run(main())
print(json.dumps({"status": status, "at_import": at_import, "after": sorted(sys.modules)}))
"""
LIGHT_LAYERS = {"layers", "layers.catalog", "layers.contract"}
TEXT_LIBRARIES = {"markdown_it", "nh3", "publicsuffixlist", "selectolax", "snowballstemmer", "stop_words"}
SDKS = {
    "azure.servicebus",
    "azure.data.tables",
    "azure.messaging.webpubsubservice",
    "azure.identity",
    "aiohttp",
    "httpx",
}


@pytest.fixture(scope="module")
def loaded() -> Mapping[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **SETTINGS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_job_was_accepted(loaded: Mapping[str, list[str]]) -> None:
    assert loaded["status"] == 202


@pytest.mark.parametrize("moment", ["at_import", "after"])
def test_the_http_path_pays_for_no_layer_and_no_text_library(
    loaded: Mapping[str, list[str]], moment: str
) -> None:
    names = set(loaded[moment])
    assert {name for name in names if name.partition(".")[0] == "layers"} == LIGHT_LAYERS
    assert names & TEXT_LIBRARIES == set()


def test_no_client_for_addresses_from_outside_is_there_before_the_first_callback(
    loaded: Mapping[str, list[str]],
) -> None:
    assert {"httpcore", "httpx", "anyio"} & set(loaded["after"]) == set()


def test_no_sdk_is_there_before_the_first_call(loaded: Mapping[str, list[str]]) -> None:
    assert set(loaded["at_import"]) & SDKS == set()


def test_the_identity_library_is_not_loaded_where_every_service_has_a_key(
    loaded: Mapping[str, list[str]],
) -> None:
    assert {name for name in loaded["after"] if name.startswith(("azure.identity", "msal"))} == set()
    assert {"azure.servicebus", "azure.data.tables"} <= set(loaded["after"])
