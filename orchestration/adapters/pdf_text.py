"""The text of PDF documents, read by a process of its own with bounded memory, pages, characters and time.

Reading a PDF means running a small language from a stranger; loops and bombs in it must not reach the worker.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from layers.contract import StepError
from orchestration.adapters.pdf_child import MOST_SECONDS

MOST_BYTES: Final = 8 * 1024 * 1024
MEDIA_TYPE: Final = "application/pdf"
_CHILD: Final = Path(__file__).with_name("pdf_child.py")
_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfText:
    """The running text, one line per printed line, paragraphs parted where pages allow to tell; and what it says of itself."""

    text: str
    title: str | None = None
    author: str | None = None
    published: date | None = None


class PdfReader:
    """Reads PDFs, two at a time. ``seconds`` is the longest that one may take."""

    def __init__(self, *, seconds: float = MOST_SECONDS) -> None:
        self._seconds = seconds
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def read(self, data: bytes) -> PdfText:
        """The text. Raises :class:`StepError` (``source_refused``) for what is no readable PDF with text."""
        if len(data) > MOST_BYTES:
            raise _refused(f"it is larger than {MOST_BYTES // 1024 // 1024} MB")
        if b"%PDF-" not in data[:1024]:
            raise _refused("it does not begin as a PDF does")
        async with self._gate:
            answer = await self._run(data)
        if answer.get("problem"):
            raise _refused(str(answer["problem"]))
        published = answer.get("published")
        return PdfText(
            text=str(answer["text"]),
            title=_line(answer.get("title")),
            author=_line(answer.get("author")),
            published=date.fromisoformat(published) if published else None,
        )

    async def _run(self, data: bytes) -> dict[str, Any]:
        # An environment of its own: the child needs to find pypdf, and none of the app's secrets.
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-B",
            str(_CHILD),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        try:
            async with asyncio.timeout(self._seconds):
                out, _ = await process.communicate(data)
        except TimeoutError as error:
            raise _refused(f"reading it takes longer than {self._seconds:.0f} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise _refused("it is damaged, or asks for too much memory or time")
        answer: dict[str, Any] = json.loads(out)
        return answer


def _line(value: object) -> str | None:
    text = " ".join(str(value).split()) if value else ""
    return text or None


def _refused(reason: str) -> StepError:
    return StepError(f"the PDF cannot be read: {reason}", code="source_refused")
