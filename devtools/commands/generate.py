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
_OWN_FOLDER = "generate-"
_KEPT_SECONDS = 3600.0
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
        "--sources",
        type=Path,
        metavar="DIR",
        help="write from the .md, .txt, .html and .pdf files in DIR alone",
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
    from devtools.generate.flow import FAILED, generate

    display = Display(sys.stderr)
    running = DataFolder(options.data).read_endpoints()
    if running is not None:
        if options.web and not running["web"]:
            raise UsageError(
                "the running stack researches in the library alone. Restart it with: "
                "./dev down && ./dev up --web --detach"
            )
        return asyncio.run(generate(running["api"], request, out=options.out, display=display))
    with _own_stack(options, display) as own:
        base = own.endpoints["api"]
        outcome = asyncio.run(generate(base, request, out=options.out, display=display))
    if outcome.code == FAILED:
        display.say(f"The logs are in {shown(own.folder.logs)}")
    else:
        shutil.rmtree(own.folder.path)
    return outcome


@contextlib.contextmanager
def _own_stack(options: argparse.Namespace, display: Display) -> Iterator[stack.RunningStack]:
    """A stack for this article alone, in memory, gone afterwards."""
    DEFAULT_DATA.mkdir(exist_ok=True)
    remove_left_over(DEFAULT_DATA)
    data = Path(tempfile.mkdtemp(prefix=_OWN_FOLDER, dir=DEFAULT_DATA))
    display.say("Starting the local stack ...")
    began = time.monotonic()
    try:
        own = stack.start(
            StackOptions(repository=ROOT, data=data, web=options.web, in_memory=True), tied=True
        )
        try:
            display.say(f"Ready in {time.monotonic() - began:.1f} s: {own.endpoints['api']}")
            yield own
        finally:
            own.throw_away()
    except KeyboardInterrupt:
        shutil.rmtree(data)
        raise


def remove_left_over(parent: Path) -> None:
    """Remove the folders that failed or killed generations have left, unless they are quite new."""
    for folder in parent.glob(f"{_OWN_FOLDER}*"):
        old = time.time() - folder.stat().st_mtime > _KEPT_SECONDS
        if old and not DataFolder(folder).is_owned():
            shutil.rmtree(folder)


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
    other = "research_heavy" if options.workflow == "standard" else "standard"
    again = ["./dev", "generate", options.topic, "--workflow", other]
    if options.sources is not None:
        again += ["--sources", str(options.sources), *(["--with-library"] if options.with_library else [])]
    return [
        *(
            f"warning: {warning.get('code')} ({warning.get('where')}): {warning.get('fix')}"
            for warning in outcome.warnings
        ),
        str(html),
        f"{outcome.output.citations} citations from {outcome.output.sources} sources",
        "Next:",
        f"  xdg-open {shlex.quote(shown(html.resolve()))}",
        f"  {shlex.join(again)}",
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
