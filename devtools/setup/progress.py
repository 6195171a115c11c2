"""Runs set-up steps side by side and shows each by name with its elapsed time."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from devtools.setup.failures import SetupError, tool_failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One program to run in ``folder``, and what to do right ``before``."""

    title: str
    command: tuple[str, ...]
    folder: Path
    before: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """Steps that follow one another, and what to do when the last one has succeeded."""

    steps: Sequence[Step]
    finish: Callable[[], None]


@dataclass(slots=True)
class _Board:
    """What runs now, shown in one line on a terminal; finished steps stay as lines of their own."""

    out: TextIO
    total: int
    running: dict[str, float] = field(default_factory=dict)
    children: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    finished: int = 0

    def begin(self, step: Step, child: subprocess.Popen[str]) -> None:
        with self.lock:
            self.running[step.title] = time.monotonic()
            self.children[step.title] = child

    def end(self, step: Step, *, succeeded: bool) -> None:
        with self.lock:
            seconds = time.monotonic() - self.running.pop(step.title)
            self.children.pop(step.title)
            self.finished += succeeded
            word = f"{seconds:.0f} s" if succeeded else "failed"
            clear = "\r\033[K" if self.out.isatty() else ""
            number = f"[{self.finished}/{self.total}] " if succeeded else ""
            self.out.write(f"{clear}{number}{step.title} ... {word}\n")
            self.out.flush()

    def tick(self) -> None:
        with self.lock:
            if self.out.isatty() and self.running:
                now = time.monotonic()
                parts = (f"{title} {now - since:.0f} s" for title, since in self.running.items())
                self.out.write(f"\r\033[K{', '.join(parts)} ...")
                self.out.flush()

    def stop_children(self) -> None:
        with self.lock:
            for child in self.children.values():
                child.terminate()


def carry_out(tracks: Sequence[Track], out: TextIO | None = None) -> None:
    """Run the tracks side by side, the steps of a track one after another; ``out`` is standard error by default.

    Raises :class:`SetupError` for the first failure; what runs beside it is stopped.
    """
    out = out or sys.stderr
    board = _Board(out, total=sum(len(track.steps) for track in tracks))
    out.write(f"Setting up (once; some minutes at most): {board.total} steps\n")
    out.flush()
    with ThreadPoolExecutor(max_workers=len(tracks)) as pool:
        pending = {pool.submit(_run_track, track, board) for track in tracks}
        failure: BaseException | None = None
        try:
            while pending:
                done, pending = wait(pending, timeout=1.0, return_when=FIRST_EXCEPTION)
                board.tick()
                failure = failure or next((error for task in done if (error := task.exception())), None)
                if failure is not None:
                    board.stop_children()
        except KeyboardInterrupt:
            board.stop_children()
            raise
    if failure is not None:
        raise failure


def _run_track(track: Track, board: _Board) -> None:
    for step in track.steps:
        if step.before is not None:
            step.before()
        try:
            child = subprocess.Popen(
                step.command,
                cwd=step.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise SetupError(f"{step.title} failed: {step.command[0]} cannot be started: {error}") from error
        board.begin(step, child)
        output, _ = child.communicate()
        board.end(step, succeeded=child.returncode == 0)
        if child.returncode != 0:
            raise tool_failure(step.title, step.command, child.returncode, output)
    track.finish()
