"""Check how a Functions host behaves over HTTP: the local one, or any that serves the conformance app."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from devtools.conformance.cases import CASES
from devtools.conformance.target import Case, MismatchError, NotApplicableError, Target
from devtools.paths import ROOT

APP = ROOT / "devtools" / "conformance" / "app"
ALL_CASES = 42
_READY_WITHIN_S = 60.0
_ONE_REQUEST = aiohttp.ClientTimeout(total=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How one case ended."""

    case: Case
    word: str
    """``pass``, ``fail`` or ``n/a``."""
    reason: str = ""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which host, and its keys."""
    parser.add_argument("--url", help="a host that serves devtools/conformance/app; default: the local host")
    parser.add_argument("--key", help="a function key, where the host checks keys")
    parser.add_argument("--master-key", help="the master key, for the admin API where the host checks keys")


def run(options: argparse.Namespace) -> int:
    """Exit code 0 when no case fails, else 1."""
    try:
        verdicts = asyncio.run(_run(options.url, options.key, options.master_key))
    except (aiohttp.ClientError, TimeoutError) as error:
        print(f"{options.url} cannot be reached: {error}", file=sys.stderr)
        return 1
    for verdict in sorted(verdicts, key=lambda one: one.case.number):
        print(f"{verdict.case.number:>3}  {verdict.word:<4}  {verdict.case.title}")
        if verdict.reason:
            print(f"           {verdict.reason}")
    words = [verdict.word for verdict in verdicts]
    print(
        f"{words.count('pass')} passed, {words.count('fail')} failed, {words.count('n/a')} not applicable; "
        f"{ALL_CASES - len(CASES)} of {ALL_CASES} cases cannot be seen over HTTP and run in ./dev test"
    )
    return 1 if "fail" in words else 0


async def _run(url: str | None, key: str | None, master_key: str | None) -> list[Verdict]:
    async with aiohttp.ClientSession(timeout=_ONE_REQUEST) as session:
        if url is not None:
            target = Target(url=url.rstrip("/"), session=session, key=key, master_key=master_key)
            return await judge(target)
        async with local_host(session) as target:
            return await judge(target)


async def judge(target: Target) -> list[Verdict]:
    """Run every case, one after the other."""
    if (await target.get("/api/unrouted")).status == 404:
        raise aiohttp.ClientError("it does not serve the app in devtools/conformance/app")
    return [await judge_one(case, target) for case in CASES]


async def judge_one(case: Case, target: Target) -> Verdict:
    """Run one case; an answer that cannot be read is a failure of that case alone."""
    try:
        await case.check(target)
    except MismatchError as error:
        return Verdict(case=case, word="fail", reason=str(error))
    except NotApplicableError as error:
        return Verdict(case=case, word="n/a", reason=str(error))
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
        return Verdict(case=case, word="fail", reason=f"{type(error).__name__}: {error}")
    return Verdict(case=case, word="pass")


@asynccontextmanager
async def local_host(session: aiohttp.ClientSession) -> AsyncIterator[Target]:
    """The local host in a process of its own, with keys, on the conformance app."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "localcloud.host", "--app", str(APP), "--data", folder),
            *("--port", "0", "--enable-auth", "--grace", "0"),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            yield await _target(process, Path(folder), session)
        finally:
            process.kill()
            await process.communicate()


async def _target(
    process: asyncio.subprocess.Process, folder: Path, session: aiohttp.ClientSession
) -> Target:
    if process.stdout is None:
        raise AssertionError("the host was started with a pipe")
    line = await asyncio.wait_for(process.stdout.readline(), _READY_WITHIN_S)
    port = json.loads(line)["port"]
    keys = json.loads((folder / "keys.json").read_text("utf-8"))
    return Target(
        url=f"http://127.0.0.1:{port}",
        session=session,
        key=keys["functionKeys"]["default"],
        master_key=keys["masterKey"],
    )
