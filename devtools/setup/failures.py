"""What went wrong during set-up, said so that the reader knows what to do next."""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN_LINES = 8

_CAUSES: Sequence[tuple[tuple[str, ...], str]] = (
    (
        ("no space left on device", "enospc", "disk quota exceeded"),
        "The disk is full. Free about 1 GB (or move the repository)",
    ),
    (
        ("ensurepip is not available", "no module named ensurepip", "no module named venv"),
        "Python's venv module is missing. Install it (Debian and Ubuntu: apt install python3-venv)",
    ),
    (
        ("permission denied", "eacces", "read-only file system"),
        "The folder of the repository, or the download cache, cannot be written. Check who owns it",
    ),
    (
        (
            *("name resolution", "name or service not known", "connection refused", "timed out", "timeout"),
            *("network is unreachable", "max retries", "newconnectionerror", "enotfound", "econnrefused"),
            *("econnreset", "etimedout", "eai_again", "certificate", "no matching distribution"),
            *("could not find a version", "e404", "e403", "proxyerror", "network request"),
        ),
        (
            "The package registry could not be reached. Check the network; behind a proxy set HTTPS_PROXY, "
            "for a mirror set PIP_INDEX_URL and npm_config_registry"
        ),
    ),
)


class SetupError(Exception):
    """Set-up cannot go on. The message is for a person."""


def tool_failure(title: str, command: Sequence[str], code: int, output: str) -> SetupError:
    """The error for a program that ended with ``code``: its last lines, and the cause they point to."""
    lines = [line for line in output.splitlines() if line.strip()][-_SHOWN_LINES:]
    low = output.lower()
    advice = next(
        (advice for signs, advice in _CAUSES if any(sign in low for sign in signs)),
        "The lines above name the cause; a second try does no harm",
    )
    return SetupError(
        "\n".join(
            [
                f"{title} failed: {' '.join(command[:4])} ... ended with code {code}. Its last lines:",
                *(f"    {line}" for line in lines or ["(it wrote nothing)"]),
                f"What to do: {advice}; then run the same command again.",
            ]
        )
    )
