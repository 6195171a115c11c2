"""A fresh Azurite for a benchmark, filled through its own file where rows are many.

Azurite looks through a partition for each row that it writes, so that filling a large table through its API takes time
that grows with the square of the rows. Its file is a JSON document (LokiJS) that it reads when it starts.
"""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localcloud.supervisor.endpoints import _ACCOUNT, _ACCOUNT_KEY
from orchestration.adapters.table_batch import encode
from orchestration.checkpoints import Row

ROOT = Path(__file__).resolve().parent.parent
_TIME = "2026-11-22T12:00:00.0000000Z"
_ETAG = "W/\"datetime'2026-11-22T12%3A00%3A00.0000000Z'\""

Filling = Mapping[str, Iterable[tuple[str, Row]]]
"""Rows with their partitions, by table."""


@contextmanager
def azurite(folder: Path) -> Iterator[str]:
    """Azurite on a folder; its connection string. Stops it cleanly, so that it writes its file."""
    blob, queue, table = _free_ports(3)
    program = ROOT / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
    command = [
        *("node", str(program), "--silent", "--skipApiVersionCheck", "--disableTelemetry"),
        *("--location", str(folder), "--tableKeepAliveTimeout", "60"),
        *("--blobPort", str(blob), "--queuePort", str(queue), "--tablePort", str(table)),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        for line in process.stdout:
            if line.startswith("Azurite Table service is successfully listening"):
                break
        yield (
            f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={_ACCOUNT_KEY};"
            f"TableEndpoint=http://127.0.0.1:{table}/{_ACCOUNT};"
        )
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def fill(folder: Path, filling: Filling) -> None:
    """Put rows into tables that exist and are empty. Azurite must not run on the folder."""
    path = folder / "__azurite_db_table__.json"
    database = json.loads(path.read_text())
    for collection in database["collections"]:
        table = collection["name"].removeprefix(f"{_ACCOUNT}$")
        if table in filling:
            data = [
                _document(number, partition, row) for number, (partition, row) in enumerate(filling[table], 1)
            ]
            collection.update(data=data, maxId=len(data), idIndex=None)
            for key, index in collection["binaryIndices"].items():
                index["values"] = sorted(range(len(data)), key=lambda place, key=key: data[place][key])
    path.write_text(json.dumps(database))


def _document(number: int, partition: str, row: Row) -> dict[str, Any]:
    keys = {"PartitionKey": partition, "RowKey": row.key}
    stamps = {"Timestamp": _TIME, "Timestamp@odata.type": "Edm.DateTime"}
    return {
        **keys,
        "properties": {**keys, **encode(row.values), **stamps},
        "lastModifiedTime": _TIME,
        "eTag": _ETAG,
        "meta": {"revision": 0, "created": 0, "version": 0},
        "$loki": number,
    }


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
