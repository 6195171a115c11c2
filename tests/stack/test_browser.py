"""The producer sample drops a message; the watching page shows the job to its end in a real browser."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack.browser import CHROMIUM, open_page
from tests.stack.conftest import ROOT, Stack

pytestmark = [pytest.mark.stack, pytest.mark.browser]


@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium on the machine")
def test_a_browser_watches_a_producers_job_to_its_result(stack: Stack, tmp_path: Path) -> None:
    data = str(stack.running.folder.path)
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "samples" / "watch.py"), "--port", "0", "--data", data],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        said = subprocess.run(
            [sys.executable, str(ROOT / "samples" / "producer.py"), "Artificial intelligence in healthcare"],
            env={"AZURE_SERVICE_BUS_CONNECTION_STRING": stack.endpoints["serviceBus"]},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        match = re.search(r"job ([0-9a-f-]{36})", said)
        assert match
        lines = asyncio.run(_watch(f"{url}#{match.group(1)}", tmp_path))
    finally:
        server.terminate()
        server.communicate()

    assert lines[0].startswith("1:status_change")
    assert lines[-1].endswith("result_ready completed")
    assert [int(line.partition(":")[0]) for line in lines] == list(range(1, len(lines) + 1))


async def _watch(url: str, folder: Path) -> list[str]:
    async with open_page(url, folder / "profile") as page:
        await page.wait_for("!!document.querySelector('li[data-type=result_ready]')")
        await page.screenshot(folder / "watch.png")
        text = await page.evaluate(
            "[...document.querySelectorAll('li')].map(l => l.value + ':' + "
            "l.textContent.slice(8).trim()).join('\\n')"
        )
    return text.splitlines()
