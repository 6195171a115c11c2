"""``invoke("SubscribeToJob")`` over a real socket, answered through the event handler."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from tests.stack.conftest import ROOT, Stack

pytestmark = [
    pytest.mark.stack,
    pytest.mark.node,
    pytest.mark.skipif(shutil.which("node") is None, reason="needs Node"),
]


def test_a_subscription_is_answered_and_tells_the_job_to_its_end(stack: Stack) -> None:
    command = ["node", str(ROOT / "tests" / "clients" / "updates.mjs"), stack.endpoints["api"]]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    told = [json.loads(line) for line in said.splitlines()]

    assert told[0] == {"connected": True}
    assert {"group": True, "lastSequence": 1} in told
    assert {"refused": "job_not_found"} in told
    assert [update for update in told if "sequence" in update] == [
        {"sequence": 1, "type": "status_change", "status": "queued"},
        {"sequence": 2, "type": "status_change", "status": "cancelled"},
    ]
    assert told[-1] == {"ended": "cancelled"}
