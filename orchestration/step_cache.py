"""StepCache: results of steps that may be taken again for identical work, per tenant and for a limited time.

An entry's key says all that a result depends on: the service and its version, the brief, the artifacts that the step
takes, and which tools it has. The brief names its day, and so does the partition: identical work of another day is other
work, and retention finds what is old by partition. A cache never fails a job: whatever is wrong with an entry, or with
storage, is a miss.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from layers.catalog import StepDeclaration
from layers.contract import Artifact, ContentBrief, Tools
from orchestration.checkpoints import Row, pack, row_keys, unpack
from orchestration.errors import CheckpointTooLarge, StorageUnavailable
from orchestration.ids import key_part
from orchestration.jobs import moment, stamp
from orchestration.ports import Clock, JobStore, RowTable

STEP_CACHE = "stepcache"
KEPT_DAYS = 2
MAX_REMOVED = 1000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the result of one piece of work lies, if it was done before."""

    partition: str
    key: str


def place_of(
    tenant: str, declaration: StepDeclaration, brief: ContentBrief, digests: Mapping[str, str], tools: Tools
) -> Place:
    """The place of a step's result.

    ``digests`` are SHA-256 sums of the artifacts that are there, by name; those that the step does not take are left out.
    """
    taken = {name: digests.get(name) for name in (*declaration.requires, *declaration.uses)}
    work = {
        "tenant": tenant,
        "service": declaration.service,
        "version": declaration.version,
        "brief": brief.model_dump(mode="json"),
        "artifacts": taken,
        "model": tools.llm.model if tools.llm else None,
        "providers": [provider.name for provider in tools.providers],
    }
    text = json.dumps(work, sort_keys=True, ensure_ascii=False)
    return Place(
        partition=f"{brief.today.isoformat()}|{key_part(tenant)}",
        key=hashlib.sha256(text.encode()).hexdigest(),
    )


def seen_by(
    declaration: StepDeclaration, artifacts: Mapping[type[Artifact], Artifact]
) -> dict[type[Artifact], Artifact]:
    """What a step may see: where its result is kept, nothing that its key does not name."""
    if declaration.cached_for <= 0:
        return dict(artifacts)
    declared = {*declaration.requires, *declaration.uses}
    return {kind: artifact for kind, artifact in artifacts.items() if kind.__name__ in declared}


def worth_keeping(artifact: Artifact, tools: Tools) -> bool:
    """Whether a result is as good as it gets: no warning, and by the language model where there is one."""
    made_as_wanted = tools.llm is None or artifact.made_by == "llm"
    return made_as_wanted and all(warning.severity == "info" for warning in artifact.warnings)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCache:
    """Keeps and finds results, as the JSON of their artifacts."""

    store: JobStore
    clock: Clock

    async def find(self, place: Place, *, max_age: float) -> bytes | None:
        """What was kept in this place within the last ``max_age`` seconds, or None."""
        try:
            first = await self._table.read(place.partition, row_keys(place.key, 1)[0])
            if first is None or not self._fresh(first, max_age):
                return None
            return await self._whole(place, first)
        except StorageUnavailable as error:
            _log.warning("step cache cannot be read", extra={"reason": str(error)})
        except (ValueError, KeyError, TypeError, zlib.error) as error:
            _log.warning("step cache entry is damaged", extra={"reason": type(error).__name__})
        return None

    async def keep(self, place: Place, data: bytes) -> None:
        """Keep a result; one that cannot be kept is no loss."""
        try:
            first, *others = pack(place.key, data)
            values = {
                **first.values,
                "at": stamp(self.clock.now()),
                "rows": 1 + len(others),
                "sum": hashlib.sha256(data).hexdigest(),
            }
            await self._table.put(place.partition, [Row(key=first.key, values=values), *others])
        except (StorageUnavailable, CheckpointTooLarge) as error:
            _log.warning("step cache cannot be written", extra={"reason": str(error)})

    async def clean(self) -> int:
        """Remove entries of days long gone, a bounded number; returns how many. Raises :class:`StorageUnavailable`."""
        await self.store.prepare()
        oldest = (self.clock.now() - timedelta(days=KEPT_DAYS)).date().isoformat()
        found = await self._table.partitions(first="0", before=oldest, limit=MAX_REMOVED)
        for partition, key in found:
            await self._table.delete(partition, key)
        return len(found)

    def _fresh(self, first: Row, max_age: float) -> bool:
        """Whether it is young enough. One from the future is not: some clock jumped."""
        age = (self.clock.now() - moment(str(first.values["at"]))).total_seconds()
        return 0 <= age <= max_age

    async def _whole(self, place: Place, first: Row) -> bytes:
        """The data of all rows. Raises ValueError, KeyError or zlib.error when they are not what was written."""
        others = row_keys(place.key, int(first.values["rows"]))[1:]
        read = await asyncio.gather(*(self._table.read(place.partition, key) for key in others))
        rows: list[Mapping[str, Any]] = [first.values, *(row.values for row in read if row is not None)]
        data = unpack(rows)
        if hashlib.sha256(data).hexdigest() != first.values["sum"]:
            raise ValueError("the sum is another one")
        return data

    @property
    def _table(self) -> RowTable:
        return self.store.table(STEP_CACHE)
