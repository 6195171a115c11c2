"""The JavaScript client's own tests, run by Node; its types name what it exports."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "js"
NODE = shutil.which("node")
READY = NODE is not None and (ROOT / "node_modules" / "@azure" / "web-pubsub-client").exists()

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(not READY, reason="Node or its packages are not installed"),
]


def test_the_clients_own_tests_pass() -> None:
    tests = [str(file) for file in sorted((ROOT / "tests" / "clients" / "js").glob("*.test.mjs"))]
    said = subprocess.run(
        [str(NODE), "--test", *tests], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert said.returncode == 0, said.stdout[-4000:]
    assert int(re.search(r"^# pass (\d+)", said.stdout, re.MULTILINE)[1]) >= 20  # type: ignore[index]


def test_types_name_what_is_exported() -> None:
    program = f"import * as all from '{CLIENT / 'index.mjs'}'; console.log(Object.keys(all).join(' '))"
    said = subprocess.run(
        [str(NODE), "--input-type=module", "--eval", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    declared = re.findall(
        r"^export (?:class|function) (\w+)", (CLIENT / "index.d.ts").read_text(), re.MULTILINE
    )
    assert set(said.stdout.split()) | {"Updates"} == set(declared)
