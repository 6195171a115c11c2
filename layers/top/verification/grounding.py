"""The law of the house as a check: nothing leaves without evidence, and evidence is a verbatim slice.

A sentence that breaks it is a defect of the writer, never a matter of quality: the job fails.
"""

from __future__ import annotations

from collections.abc import Mapping

from layers.bottom.artifacts import SourceSet
from layers.contract import StepError
from layers.text.words import words
from layers.top.artifacts import Article, Evidence, Sentence


def check_grounding(article: Article, sources: SourceSet) -> None:
    """Raise StepError ``ungrounded_sentence`` unless every sentence of the article is grounded or editorial."""
    texts = {source.id: source.text for source in sources.sources}
    table = {item.id: item for item in article.evidence}
    check_evidence(article.evidence, sources)
    if not texts and article.all_sentences():
        raise _broken("the article", "has sentences but no source")
    for sentence in article.all_sentences():
        _check(sentence, table)
        if article.writer == "embedded" and sentence.kind == "claim" and not _only_shortened(sentence, table):
            raise _broken(f"sentence {sentence.id}", "has words that its evidence does not have")


def check_evidence(evidence: tuple[Evidence, ...], sources: SourceSet) -> None:
    """Raise StepError unless every quote is exactly the slice of its source that it claims to be."""
    texts = {source.id: source.text for source in sources.sources}
    for item in evidence:
        if not item.quote or texts.get(item.source, "")[item.start : item.end] != item.quote:
            raise _broken(f"evidence {item.id}", f"is no verbatim slice of source {item.source}")


def _check(sentence: Sentence, table: Mapping[str, Evidence]) -> None:
    if sentence.kind == "editorial":
        if sentence.evidence:
            raise _broken(f"sentence {sentence.id}", "is editorial but cites evidence")
        return
    if not sentence.evidence:
        raise _broken(f"sentence {sentence.id}", "has no evidence and is not editorial")
    unknown = [name for name in sentence.evidence if name not in table]
    if unknown:
        raise _broken(f"sentence {sentence.id}", f"cites unknown evidence {', '.join(unknown)}")
    if sentence.kind == "quote" and not any(table[name].quote in sentence.text for name in sentence.evidence):
        raise _broken(f"sentence {sentence.id}", "is marked as a quote but does not contain one")


def _only_shortened(sentence: Sentence, table: Mapping[str, Evidence]) -> bool:
    """Whether the words of a light-cleaned sentence all stand in its quotes, in the same order."""
    quoted = iter(words(" ".join(table[name].quote for name in sentence.evidence)))
    return all(word in quoted for word in words(sentence.text))


def _broken(what: str, how: str) -> StepError:
    return StepError(f"{what} {how}", code="ungrounded_sentence")
