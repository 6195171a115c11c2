"""Live progress on standard error: a bar with the step's name on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TextIO

_BAR = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What one update says to a person. ``percentage`` None: it says nothing about how far the job is."""

    percentage: int | None
    text: str
    passing: bool = False


def describe(update: Mapping[str, Any]) -> Progress:
    """An update in words; ``passing`` ones are not worth a line of their own."""
    data = update.get("data") or {}
    percentage = data.get("percentage")
    match update["type"]:
        case "step_completed":
            text = _step(data)
        case "progress_update":
            text = _inside_step(data)
        case "error":
            text = f"failed: {data.get('message', 'no reason given')}"
        case "result_ready":
            text = "the result is ready"
        case _:
            text = _status(data)
    return Progress(
        percentage=None if percentage is None else round(percentage),
        text=text,
        passing=update["type"] == "progress_update",
    )


def _step(data: Mapping[str, Any]) -> str:
    name = data.get("step", "a step")
    ending = "" if data.get("status", "completed") == "completed" else f" {data['status']}"
    seconds = f", {data['durationMs'] / 1000:.1f} s" if data.get("durationMs") is not None else ""
    return f"{name}{ending} ({data.get('layer', 'step')}{seconds})"


def _inside_step(data: Mapping[str, Any]) -> str:
    return f"{data.get('step', '')} {data.get('message', '')}".strip()


def _status(data: Mapping[str, Any]) -> str:
    note = f": {data['message']}" if data.get("message") else ""
    return f"{data.get('status', 'status')}{note}"


class Display:
    """Shows a job's updates. ``close`` leaves the cursor at the beginning of a free line."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._bar = out.isatty()
        self._percentage = 0

    def say(self, text: str) -> None:
        """A line that stays."""
        self._out.write(f"{self._clear()}{text}\n")
        self._out.flush()

    def show(self, update: Mapping[str, Any]) -> None:
        """Show one update."""
        progress = describe(update)
        if progress.percentage is not None:
            self._percentage = max(0, min(100, progress.percentage))
        if self._bar:
            done = _BAR * self._percentage // 100
            line = f"[{'#' * done}{'.' * (_BAR - done)}] {self._percentage:3d} %  {progress.text}"
            self._out.write(self._clear() + line[: shutil.get_terminal_size().columns - 1])
            self._out.flush()
        elif not progress.passing:
            self.say(f"[{self._percentage:3d} %] {progress.text}")

    def close(self) -> None:
        """Remove the bar."""
        self._out.write(self._clear())
        self._out.flush()

    def _clear(self) -> str:
        return "\r\033[K" if self._bar else ""
