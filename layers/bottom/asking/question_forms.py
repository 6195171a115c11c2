"""The questions people ask about a thing, as data: wording by number, and what a passage must say to answer it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

QuestionKind = Literal["what", "how", "why", "who", "cost", "comparison", "risk", "example", "when", "other"]


@dataclass(frozen=True, slots=True)
class QuestionForm:
    """``singular`` and ``plural`` hold ``{x}``. A passage answers if ``cue`` is found in it.

    In ``cue`` the text ``<x>`` stands for the phrase itself; a form without ``singular`` fits plurals only. ``mood`` keeps "benefits" away from what is
    unwelcome, and "prevented" away from what is not.
    """

    kind: QuestionKind
    singular: str
    plural: str
    cue: str
    mood: Literal["any", "welcome", "unwelcome"] = "any"
    topic_only: bool = False
    topic_cue: str = ""

    def beside(self, phrase: str) -> re.Pattern[str]:
        """The cue in one sentence with the phrase."""
        cue = self.cue if "<x>" in self.cue else rf"<x>[^.!?\n]*(?:{self.cue})|(?:{self.cue})[^.!?\n]*<x>"
        return _with_phrase(cue, phrase)

    def anywhere(self, phrase: str) -> re.Pattern[str]:
        """The cue wherever it stands in the passage; a wider one where the form has one for the topic itself."""
        return _with_phrase(self.topic_cue or self.cue, phrase)

    @property
    def of_lone_words(self) -> bool:
        """Whether a single word ("water") is not too wide for it: the cue ties it to what the text says of it."""
        tied = "<x>" in self.cue and self.kind != "example" and self.mood == "any"
        return tied or self.mood == "unwelcome"


def _with_phrase(cue: str, phrase: str) -> re.Pattern[str]:
    return re.compile(cue.replace("<x>", rf"\b{re.escape(phrase)}\b"), re.IGNORECASE)


QUESTION_FORMS = (
    QuestionForm(
        "what", "What is {x}?", "What are {x}?",
        r"(?:^|[.!?]\s+)(?:an?\s|the\s)?<x>(?:\s\([^)]*\))?,?\s(?:is|are|means?|refers? to|describes?)\s(?:an?|the|any|when|how|used|what|[a-z]+s\b)",
    ),
    QuestionForm(
        "how", "How does {x} work?", "How do {x} work?",
        r"<x>\s(?:works?|uses?|moves?|turns?|learns?|reads?|takes?|stores?|converts?|combines?|relies|rely|lets?|runs?)\b",
    ),
    QuestionForm(
        "how", "How does {x} help?", "How do {x} help?",
        r"<x>\s(?:can\s|may\s|could\s)?(?:helps?|improves?d?|reduced?s?|supports?|saved?s?|speeds? up|lowers?|protects?|increased?s?|cuts?|supported|helped|prevents?)\b",
        "welcome",
    ),
    QuestionForm(
        "why", "Why does {x} matter?", "Why do {x} matter?",
        r"\b(?:because|matters?|important|essential|crucial|key (?:to|factor)|the reason|that is why|so that|decides?|depends? on)\b",
    ),
    QuestionForm(
        "cost", "How much does {x} cost?", "How much do {x} cost?",
        r"<x>[^.!?]{0,80}(?:[$€£]\s?\d|\d[\d.,]*\s(?:euros?|dollars?|pounds|cents))|(?:[$€£]\s?\d[\d.,]*|\d[\d.,]*\s(?:euros?|dollars?|pounds))[^.!?]{0,40}<x>",
        "welcome",
    ),
    QuestionForm(
        "risk", "What are the risks of {x}?", "What are the risks of {x}?",
        r"\b(?:risks?|dangers?|dangerous|harm(?:s|ful)?|hazards?|unsafe|threat\w*|side effects?|bias(?:ed)?|toxic|privacy)\b",
    ),
    QuestionForm(
        "risk", "What are the limits of {x}?", "What are the limits of {x}?",
        r"\b(?:limit(?:s|ed|ation|ations)?|drawbacks?|disadvantages?|cannot|fails?|failed|not enough|difficult|does not (?:always|work)|shortcomings?|open questions?)\b",
    ),
    QuestionForm(
        "how", "How can {x} be prevented or reduced?", "How can {x} be prevented or reduced?",
        r"\b(?:prevent\w*|avoid\w*|reduc\w+|protect\w*|lower(?:s|ed|ing)?|stops?|cuts?|block\w*|keeps? out|treat\w*)\b",
        "unwelcome",
    ),
    QuestionForm(
        "what", "What are the benefits of {x}?", "What are the benefits of {x}?",
        r"<x>\s(?:can\s|may\s|could\s|also\s)?(?:improved?s?|reduced?s?|saved?s?|help(?:s|ed)?|supports?|protects?|gained|gains?)\b|(?:benefits?|advantages?) of <x>",
        "welcome",
        topic_cue=r"\b(?:benefits?|advantages?|improve[sd]?|saves?|saved|faster|cheaper|better|reduces?|reduced|gains?|helps?)\b",
    ),
    QuestionForm(
        "example", "", "What are examples of {x}?",
        r"<x>,?\s(?:such as|like|including|for example|for instance|e\.g\.)|\b(?:examples? of|kinds of|types of)\s(?:an?\s)?<x>",
    ),
    QuestionForm(
        "how", "How do you get started with {x}?", "How do you get started with {x}?",
        r"(?:^|\n|[.!?]\s+)(?:start|begin|first|choose|take|use|add|ask|check|set|put|fill|buy|make|keep|build|publish|define|plan|pick)\b",
        mood="welcome", topic_only=True,
    ),
    QuestionForm(
        "other", "What does the evidence say about {x}?", "What does the evidence say about {x}?",
        r"\b(?:stud(?:y|ies)|trials?|review|survey|researchers?|meta-analysis|found that|experiments?|percent|per cent)\b|\d\s?%",
    ),
)  # fmt: skip

COMPARISON_CUE = re.compile(
    r"\b(?:than|compared (?:with|to)|versus|vs\.?|whereas|unlike|while|difference between|instead of|rather than)\b",
    re.IGNORECASE,
)
COMPARISON = {False: "How does {a} compare with {b}?", True: "How do {a} compare with {b}?"}
