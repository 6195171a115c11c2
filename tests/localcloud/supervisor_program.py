"""A supervisor of two fake parts, to be killed: ``supervisor_program.py DATA``."""

import asyncio
import sys
from pathlib import Path

from localcloud.supervisor.folder import DataFolder
from tests.localcloud.test_supervisor_stack import fake_stack, part


async def main() -> None:
    folder = DataFolder(Path(sys.argv[1]))
    with folder.owned():
        stack = fake_stack(folder, part("one"), part("two", after=("one",)))
        await stack.start()
        print("ready", flush=True)
        await asyncio.Event().wait()


asyncio.run(main())
