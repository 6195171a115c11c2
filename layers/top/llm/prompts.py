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


def judge_system_prompt() -> str:
    """The rules by which claims are judged."""
    return _template("judge_system")


def judge_prompt(
    quotations: Sequence[tuple[str, str]],
    claims: Sequence[tuple[str, str, Sequence[str]]],
    defect: str | None = None,
) -> str:
    """Ask for verdicts: ``quotations`` are (id, text), ``claims`` (id, text, ids of their quotations).

    ``defect`` tells what made the last answer unusable.
    """
    given = "\n".join(_json(id=name, quote=text) for name, text in quotations)
    asked = "\n".join(_json(claim=name, text=text, evidence=list(ids)) for name, text, ids in claims)
    values = {"quotations": given, "claims": asked, "note": f"Defects:\n- {defect}\n\n" if defect else ""}
    return _filled("judge", values | _fence(f"{given}\n{asked}", "JUDGED"))


def _json(**values: object) -> str:
    """One object on one line, its texts in one line each."""
    plain = {name: _one_line(value) if isinstance(value, str) else value for name, value in values.items()}
    return json.dumps(plain, ensure_ascii=False)


def _fence(enclosed: str, name: str) -> dict[str, str]:
    """Marks around data. One made from what it encloses cannot be forged by a source: quoting it would change it."""
    mark = hashlib.sha256(enclosed.encode()).hexdigest()[:12]
    return {"opening": f"<<<{name} {mark}", "closing": f"{name} {mark}>>>"}


def _values(brief: ContentBrief, part: Part) -> dict[str, str]:
    evidence = evidence_lines(part.pack)
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
        "evidence": evidence,
    } | _fence(evidence, "EVIDENCE")


def evidence_lines(pack: Sequence[Evidence]) -> str:
    """One JSON object a line, so that no quotation can end its line or its string."""
    return "\n".join(_row(item) for item in pack)


def _harmless(heading: str, topic: str) -> str:
    """A heading may come from a source: one that speaks to writers is not passed on."""
    return _one_line(topic if speaks_to_writers(heading) else heading)


def _row(item: Evidence) -> str:
    return _json(id=item.id, quote=item.quote)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _filled(name: str, values: dict[str, str]) -> str:
    """The template with its places filled in one pass: what is filled in is never searched for places itself."""
    return _PLACE.sub(lambda found: values[found[1]], _template(name))


@cache
def _template(name: str) -> str:
    return (_FOLDER / f"{name}.v{PROMPT_VERSION}.md").read_text(encoding="utf-8")
