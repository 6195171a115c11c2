"""What a language model is asked: prompts from versioned files, with the evidence fenced in as data."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from layers.contract import ContentBrief
from layers.top.artifacts import Evidence
from layers.top.llm.parts import Part, speaks_to_writers
from layers.top.writer.voice import tone_of

PROMPT_VERSION: Final = "1"
"""Raised with any change of the prompts; the article carries it."""

_FOLDER: Final = Path(__file__).parent.parent / "prompts"
_PLACE: Final = re.compile(r"\{([a-z_]+)\}")
_LAYOUTS: Final = {
    "prose": "paragraphs of running text",
    "list": "items of a list, one sentence each",
    "steps": "steps in the order in which they are taken, one instruction each",
    "table": "rows of a table, one figure each",
}


def system_prompt() -> str:
    """The rules that hold for every part."""
    return _template("system")


def section_prompt(brief: ContentBrief, part: Part) -> str:
    """Ask for one part."""
    return _filled("section", _values(brief, part))


def repair_prompt(brief: ContentBrief, part: Part, draft: Sequence[str], defects: Sequence[str]) -> str:
    """Ask for the part again, with what was wrong in the draft."""
    lines = [
        json.dumps({"sentence": place, "text": text}, ensure_ascii=False)
        for place, text in enumerate(draft, 1)
    ]
    more = {"draft": "\n".join(lines) or "(none)", "defects": "\n".join(f"- {line}" for line in defects)}
    return _filled("repair", _values(brief, part) | more)


def _values(brief: ContentBrief, part: Part) -> dict[str, str]:
    evidence = evidence_lines(part.pack)
    # A mark made from what it encloses cannot be forged by a source: quoting it would change it.
    mark = hashlib.sha256(evidence.encode()).hexdigest()[:12]
    return {
        "topic": _one_line(brief.topic),
        "content_type": brief.content_type.value.replace("_", " "),
        "audience": brief.audience.value,
        "tone": tone_of(brief).value,
        "language": brief.language,
        "heading": _harmless(part.heading, brief.topic),
        "question": _harmless(part.question, brief.topic),
        "layout": _LAYOUTS[part.form],
        "words": str(part.words),
        "opening": f"<<<EVIDENCE {mark}",
        "evidence": evidence,
        "closing": f"EVIDENCE {mark}>>>",
    }


def evidence_lines(pack: Sequence[Evidence]) -> str:
    """One JSON object a line, so that no quotation can end its line or its string."""
    return "\n".join(_row(item) for item in pack)


def _harmless(heading: str, topic: str) -> str:
    """A heading may come from a source: one that speaks to writers is not passed on."""
    return _one_line(topic if speaks_to_writers(heading) else heading)


def _row(item: Evidence) -> str:
    return json.dumps({"id": item.id, "quote": _one_line(item.quote)}, ensure_ascii=False)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _filled(name: str, values: dict[str, str]) -> str:
    """The template with its places filled in one pass: what is filled in is never searched for places itself."""
    return _PLACE.sub(lambda found: values[found[1]], _template(name))


@cache
def _template(name: str) -> str:
    return (_FOLDER / f"{name}.v{PROMPT_VERSION}.md").read_text(encoding="utf-8")
