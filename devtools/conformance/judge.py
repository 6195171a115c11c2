"""Runs the cases against a host and notes how each ended."""

from __future__ import annotations

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


class UnreachableError(Exception):
    """There is no host, or it serves another app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How one case ended."""

    case: Case
    word: str
    """``pass``, ``fail`` or ``n/a``."""
    reason: str = ""


async def run_cases(url: str | None, key: str | None, master_key: str | None) -> list[Verdict]:
    """Judge the host at ``url``, or the local one. Raises :class:`UnreachableError`."""
    async with aiohttp.ClientSession(timeout=_ONE_REQUEST) as session:
        try:
            if url is None:
                async with local_host(session) as target:
                    return await judge(target)
            given = Target(url=url.rstrip("/"), session=session, key=key, master_key=master_key)
            return await judge(given)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnreachableError(f"{url or 'the local host'} cannot be reached: {error}") from error


async def judge(target: Target) -> list[Verdict]:
    """Run every case, one after the other."""
    if (await target.send_once("GET", "/api/unrouted")).status == 404:
        raise UnreachableError(f"{target.url} does not serve the app in devtools/conformance/app")
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
