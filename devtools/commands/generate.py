"""Write an article on a topic, with citations, and save it as Markdown, HTML and JSON."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devtools import stack
from devtools.commands.options import add_data_folder
from devtools.generate.outputs import library_subjects
from devtools.generate.request import AUDIENCES, CONTENT_TYPES, PRIORITIES, WORKFLOWS, build_request
from devtools.generate.sources import SourcesError
from devtools.paths import DEFAULT_DATA, LIBRARY, ROOT, shown
from localcloud.supervisor.folder import DataFolder
from localcloud.supervisor.options import StackOptions

if TYPE_CHECKING:
    from devtools.generate.display import Display
    from devtools.generate.flow import Outcome

_BAD_USAGE = 2
_MESSAGE_PREFIX = "./dev generate: "


class UsageError(Exception):
    """The options contradict each other or the running stack."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """What to write, from what, and where to."""
    parser.add_argument("topic", metavar="TOPIC", help="what the article is about (3-300 characters)")
    parser.add_argument("--workflow", choices=WORKFLOWS, default="standard", help="default: standard")
    parser.add_argument(
        "--content-type", choices=CONTENT_TYPES, default="blog_post", help="default: blog_post"
    )
    parser.add_argument("--audience", choices=AUDIENCES, default="b2b", help="default: b2b")
    parser.add_argument("--priority", choices=PRIORITIES, default="normal", help="default: normal")
    parser.add_argument(
        "--sources", type=Path, metavar="DIR", help="write from the .md, .txt and .html files in DIR alone"
    )
    parser.add_argument(
        "--with-library", action="store_true", help="with --sources: from the project's library as well"
    )
    parser.add_argument("--web", action="store_true", help="research on Wikipedia and Crossref too (no key)")
    parser.add_argument("--sync", action="store_true", help="one synchronous request instead of a queued job")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="default: out")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    add_data_folder(parser)


def run(options: argparse.Namespace) -> int:
    """Exit code 0 completed, 1 failed, 2 bad usage, 3 too few sources, 130 interrupted (job cancelled)."""
    began = time.monotonic()
    try:
        _check(options)
        request = build_request(options)
        outcome = _generate(options, request)
    except (UsageError, SourcesError) as error:
        return _refuse(options, str(error), _BAD_USAGE)
    except stack.StackStartError as error:
        return _refuse(options, str(error), 1)
    except KeyboardInterrupt:
        return _refuse(options, "interrupted", 130)
    message = outcome.message or (_too_few_sources(options, outcome) if outcome.code == 3 else "")
    if options.json:
        print(json.dumps(_as_json(options, outcome, message, time.monotonic() - began), ensure_ascii=False))
    elif message:
        print(_MESSAGE_PREFIX + message, file=sys.stderr)
    else:
        print("\n".join(_closing_lines(options, outcome)))
    return outcome.code


def _check(options: argparse.Namespace) -> None:
    if options.with_library and options.sources is None:
        raise UsageError("--with-library goes with --sources; without it the library is used anyway")
    if options.web and options.sources is not None and not options.with_library:
        raise UsageError("--sources alone is a closed corpus: add --with-library to research on the web too")


def _generate(options: argparse.Namespace, request: dict[str, Any]) -> Outcome:
    from devtools.generate.display import Display
    from devtools.generate.flow import generate

    display = Display(sys.stderr)
    with _api(options, display) as base:
        return asyncio.run(generate(base, request, out=options.out, display=display))


@contextlib.contextmanager
def _api(options: argparse.Namespace, display: Display) -> Iterator[str]:
    """The API of the stack that runs, else of one that runs for this article alone, in memory."""
    running = DataFolder(options.data).read_endpoints()
    if running is not None:
        if options.web and not running["web"]:
            raise UsageError(
                "the running stack researches in the library alone. Restart it with: "
                "./dev down && ./dev up --web --detach"
            )
        yield running["api"]
        return
    DEFAULT_DATA.mkdir(exist_ok=True)
    data = Path(tempfile.mkdtemp(prefix="generate-", dir=DEFAULT_DATA))
    display.say("Starting the local stack ...")
    began = time.monotonic()
    own = stack.start(StackOptions(repository=ROOT, data=data, web=options.web, in_memory=True), tied=True)
    try:
        display.say(f"Ready in {time.monotonic() - began:.1f} s: {own.endpoints['api']}")
        yield own.endpoints["api"]
    finally:
        own.throw_away()
    shutil.rmtree(data)


def _too_few_sources(options: argparse.Namespace, outcome: Outcome) -> str:
    count = outcome.usable_sources
    found = f"only {count} source{'' if count == 1 else 's'} for this topic"
    if options.sources is not None and not options.with_library:
        return f"{found}: try more files in {options.sources}, --with-library (and --web), or another topic"
    ways = ["--sources DIR", *([] if options.web else ["--web (Wikipedia, Crossref; no key)"])]
    subjects = library_subjects(LIBRARY)
    return f"{found}: try {', '.join(ways)} or one of: {', '.join(subjects) or 'a topic of the library'}"


def _closing_lines(options: argparse.Namespace, outcome: Outcome) -> list[str]:
    html = outcome.output.files["html"]
    topic = shlex.quote(options.topic)
    other = "research_heavy" if options.workflow == "standard" else "standard"
    return [
        *(f"warning: {warning.get('code')}: {warning.get('fix')}" for warning in outcome.warnings),
        str(html),
        f"{outcome.output.citations} citations from {outcome.output.sources} sources",
        "Next:",
        f"  xdg-open {shlex.quote(shown(html.resolve()))}",
        f"  ./dev generate {topic} --workflow {other} --sources DIR",
        "  ./dev up",
    ]


def _as_json(options: argparse.Namespace, outcome: Outcome, message: str, seconds: float) -> dict[str, Any]:
    status = {0: "completed", 3: "insufficient_evidence"}.get(outcome.code, "failed")
    return {
        "status": status,
        "exitCode": outcome.code,
        "jobId": outcome.job_id,
        "topic": options.topic,
        "workflow": options.workflow,
        "files": {suffix: str(file) for suffix, file in outcome.output.files.items()},
        "citations": outcome.output.citations,
        "sources": outcome.output.sources,
        "warnings": list(outcome.warnings),
        "message": message or None,
        "seconds": round(seconds, 2),
    }


def _refuse(options: argparse.Namespace, message: str, code: int) -> int:
    if options.json:
        status = "cancelled" if code == 130 else "failed"
        print(json.dumps({"status": status, "exitCode": code, "topic": options.topic, "message": message}))
    else:
        print(_MESSAGE_PREFIX + message, file=sys.stderr)
    return code
