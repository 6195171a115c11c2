"""The raw floor of the design: the same 12 steps as bare entity-group transactions, with nothing around them.

One job is one partition: an insert of job and event row, then one transaction for every set of steps that finished
while the one before was in flight. No queue, no lease, no heartbeat, no recovery.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import uuid
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Self

import aiohttp

from benchmarks.noop_workflow import PAYLOAD, STAGES

_ETAG = re.compile(r"(?i)etag: (.*?)\r?\n")
_JOB_ROW = "x" * 1000


class RawTables:
    """A table over plain HTTP: hand-built transactions, Shared Key Lite. An async context manager."""

    def __init__(self, connection: str, table: str = "floor") -> None:
        values = dict(part.split("=", 1) for part in connection.strip(";").split(";"))
        self._endpoint = values["TableEndpoint"].rstrip("/")
        self._account = values["AccountName"]
        self._key = base64.b64decode(values["AccountKey"])
        self.table = table

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64))
        headers = {**self._headers("Tables"), "Accept": "application/json;odata=nometadata"}
        async with self._session.post(
            f"{self._endpoint}/Tables", json={"TableName": self.table}, headers=headers
        ) as answer:
            assert answer.status in (201, 204, 409), await answer.text()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def transaction(
        self, partition: str, creates: list[dict[str, Any]], *, job: dict[str, Any] | None, etag: str = ""
    ) -> str:
        """Create rows, and replace the job row where it is still ``etag``; the new ETag of the first row."""
        batch, changes = f"batch_{uuid.uuid4().hex}", f"changeset_{uuid.uuid4().hex}"
        url = f"{self._endpoint}/{self.table}"
        parts = [_part("POST", f"{url}()", {"PartitionKey": partition, **row}) for row in creates]
        if job is not None:
            key = f"(PartitionKey='{partition}',RowKey='{job['RowKey']}')"
            guarded = _part("PUT", url + key, {"PartitionKey": partition, **job}, f"If-Match: {etag}\r\n")
            parts.insert(0, guarded)
        body = (
            f"--{batch}\r\nContent-Type: multipart/mixed; boundary={changes}\r\n\r\n"
            + "".join(f"--{changes}\r\n{part}" for part in parts)
            + f"--{changes}--\r\n--{batch}--\r\n"
        )
        headers = {**self._headers("$batch"), "Content-Type": f"multipart/mixed; boundary={batch}"}
        async with self._session.post(
            f"{self._endpoint}/$batch", data=body.encode(), headers=headers
        ) as answer:
            text = await answer.text()
        found = _ETAG.search(text)
        assert answer.status == 202, text[:500]
        assert found is not None, text[:500]
        return found[1]

    def _headers(self, resource: str) -> dict[str, str]:
        date = formatdate(usegmt=True)
        text = f"{date}\n/{self._account}/{self._account}/{resource}"
        signature = base64.b64encode(hmac.new(self._key, text.encode(), hashlib.sha256).digest()).decode()
        return {
            "x-ms-date": date,
            "x-ms-version": "2019-02-02",
            "Authorization": f"SharedKeyLite {self._account}:{signature}",
            "DataServiceVersion": "3.0;NetFx",
            "Accept": "application/json",
        }


def _part(method: str, url: str, row: dict[str, Any], condition: str = "") -> str:
    return (
        "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        f"{method} {url} HTTP/1.1\r\nContent-Type: application/json\r\nPrefer: return-no-content\r\n"
        f"Accept: application/json;odata=nometadata\r\nDataServiceVersion: 3.0;\r\n{condition}\r\n{json.dumps(row)}\r\n"
    )


@dataclass(kw_only=True)
class FloorJob:
    """One job: ``await run()``, then ``round_trips`` says what it took."""

    tables: RawTables
    job_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    round_trips: int = 0
    _etag: str = ""
    _events: int = 1
    _finished: list[str] = field(default_factory=list)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        """Insert it and take it through all its steps."""
        first = [{"RowKey": "job", "doc": _JOB_ROW}, {"RowKey": "event|1", "body": "queued"}]
        self._etag = await self.tables.transaction(self.job_id, first, job=None)
        self.round_trips += 1
        for stage in STAGES:
            await asyncio.gather(*(self._step(step) for step in stage))

    async def _step(self, step: str) -> None:
        await asyncio.sleep(0)
        self._finished.append(step)
        async with self._writing:
            if not self._finished:
                return
            taken, self._finished = self._finished, []
            rows: list[dict[str, Any]] = []
            for name in taken:
                self._events += 1
                output = json.dumps({"step": name, "data": PAYLOAD})
                rows += [
                    {"RowKey": f"step|{name}", "out": output},
                    {"RowKey": f"event|{self._events}", "body": f"{name} completed"},
                ]
            job = {"RowKey": "job", "doc": _JOB_ROW, "events": self._events}
            self._etag = await self.tables.transaction(self.job_id, rows, job=job, etag=self._etag)
            self.round_trips += 1
