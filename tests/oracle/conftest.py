"""Both sides of the comparison: Microsoft's worker and the local host, on the same app."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localcloud.host.errors import AppLoadError, FunctionLoadError
from localcloud.host.indexing import index_app
from localcloud.host.loading import LoadedApp, load_app
from localcloud.host.triggers import IndexedFunction
from tests.host.support import write_app
from tests.oracle.worker import FOLDER, Verdict, Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """What the two made of one app."""

    theirs: Verdict
    ours: dict[str, IndexedFunction]
    our_refusal: str | None
    loaded: LoadedApp | None = None

    def unload(self) -> None:
        if self.loaded is not None:
            self.loaded.unload()


class Comparison:
    """Indexes apps with both."""

    def __init__(self, worker: Worker, folder: Path) -> None:
        self.worker = worker
        self._folder = folder
        self._numbers = itertools.count()

    async def index(self, app: Path) -> Both:
        theirs = await self.worker.index(app)
        loaded: Any = None
        try:
            loaded = load_app(app)
            ours = {function.name: function for function in index_app(loaded.app)}
        except AppLoadError as error:
            if loaded is not None:
                loaded.unload()
            prefix = "FunctionLoadError: " if isinstance(error, FunctionLoadError) else ""
            return Both(theirs=theirs, ours={}, our_refusal=f"{prefix}{error}")
        return Both(theirs=theirs, ours=ours, our_refusal=None, loaded=loaded)

    async def index_source(self, source: str, *, preamble: str) -> Both:
        return await self.index(
            write_app(self._folder / f"app{next(self._numbers)}", source, preamble=preamble)
        )

    def verdicts(self, source: str, *, preamble: str) -> Both:
        """Index on a loop of its own and let go of the app at once."""
        both = asyncio.run(self.index_source(source, preamble=preamble))
        both.unload()
        return both


@pytest.fixture(scope="session")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Comparison]:
    if not FOLDER.exists():
        pytest.skip("the Functions worker is not there: ./dev test installs it")
    worker = Worker()
    yield Comparison(worker, tmp_path_factory.mktemp("apps"))
    worker.close()
