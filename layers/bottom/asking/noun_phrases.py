"""Enough grammar to put a phrase into a question: its number, its article, and whether it is a noun phrase."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from layers.text.words import word_set

_PREPOSITION = re.compile(
    r"\s(?:in|of|for|on|with|at|from|to|by|without|against|between|as|among|per)\s", re.IGNORECASE
)
_SINGULAR_IN_S = word_set(
    "news diabetes kubernetes gas lens rabies measles series species sepsis lens atlas canvas texas paris less"
    " chess bias basis crisis analysis diagnosis thesis axis iris menopause mars venus wales sales-force"
)
_PLURALS = word_set(
    "people children men women teeth feet mice geese criteria phenomena bacteria police cattle"
)
_NOT_LAST = re.compile(r"(?:ed|ous|able|ible|ful|less|ical|ive|est|ish|lar|ern)$")
_NOUNS_THAT_LOOK_OTHERWISE = word_set(
    "native initiative executive alternative archive drive hive additive detective cable table vegetable seed feed"
    " speed need bed weed breed cardiovascular dollar solar cellular pillar collar motive perspective objective"
    " incentive explosive adhesive preservative sedative laxative contraceptive narrative directive relative olive"
    " forest interest request test harvest guest west chest rest pest nest unemployed renewable consumable wearable"
    " variable syllable deliverable fish dish finish polish intern pattern concern turn pern lantern"
)
_NEVER_LAST = word_set(
    "able also best better big central clear common current different digital each early easy electric even far free"
    " further global great hard high higher human international large last late less local long low lower main major"
    " many medical more most much national new next old only open other possible previous public rapid real recent"
    " same second short similar simple single small social special standard strong such total true typical unlike"
    " urban usual various virtual whole wide young clinical annual average away says said told asked"
)
_POINTING = ("the", "this", "that", "its", "their", "our", "your")
_IMPERATIVES = word_set(
    "add use put take check choose avoid buy fill turn stir pour start stop ask let make keep find give tell believe save saved drank"
)
_PLURAL_MODIFIERS = word_set(
    "sports systems news sales goods operations communications savings customs arms species services series honours"
)
_UNIT = re.compile(
    r"\b(?:percent(?:age)?|days?|weeks?|months?|years?|hours?|minutes?|seconds?|times?|degrees?|euros?|dollars?|pounds|cents|eur|usd|kg|g"
    r"|grams?|kilos?|litres?|liters?|metres?|meters?|cm|mm|km|items?|figures?|numbers?|half|thirds?|lots?|bits?|rest|thousands|millions?"
    r"|billions?|part|parts|people|things?|way|ways|point|points|side|end|example|examples|reason|note|section|table|chapter|need|yes|count|treat|change|borrow|summer|winter|spring|autumn|fine|brown|green"
    r"|january|february|march|april|may|june|july|august|september|october|november|december)$",
    re.IGNORECASE,
)
_PERSON = re.compile(
    r"\b(?:patients|employees|people|customers|users|clinicians|doctors|nurses|children|women|men|families|students|teachers|parents"
    r"|workers|managers|consumers|citizens|residents|adults|owners|neighbou?rs|staff|teams|beginners|\w+(?:ologists|icians|keepers|istas"
    r"|holders|makers))$",
    re.IGNORECASE,
)
_NEGATIVE = re.compile(
    r"\b(?:cancers?|tumou?rs?|disease|infection|sepsis|attacks?|phishing|ransomware|malware|virus(?:es)?|bias(?:es)?|risks?"
    r"|waste|emissions?|pollution|loss(?:es)?|damage|fraud|errors?|breach(?:es)?|deaths?|injur(?:y|ies)|pain|stress|insomnia"
    r"|poverty|crime|fire|accidents?|failures?|problems?|threats?|mites?|varroa|pests?|mould|mold|weeds?|smells?|stings?"
    r"|debt|burnout|obesity|diabetes|addiction|warming|shortages?|downtime|spam|scams?)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class NounPhrase:
    """A phrase as it stands in a question ("a heat pump", "heat pumps") and its number."""

    text: str
    plural: bool

    @property
    def negative(self) -> bool:
        """Whether it names something unwelcome, which has no benefits."""
        return _NEGATIVE.search(_head_part(self.text)) is not None


def is_plural(phrase: str) -> bool:
    """The number of a noun phrase, from its head: the last word before the first preposition."""
    head_part = _head_part(phrase)
    head = head_part.split()[-1] if head_part.split() else ""
    lower = head.lower()
    if re.search(r"\band\b", head_part):
        return True
    if lower in _PLURALS:
        return True
    if lower in _SINGULAR_IN_S or (head.isupper() and len(head) > 1):
        return False
    return lower.endswith("s") and not lower.endswith(("ss", "us", "is", "ics"))


def noun_phrase(phrase: str, corpus: str) -> NounPhrase | None:
    """The phrase with the article that the corpus gives it; None if it cannot stand as a noun phrase.

    ``corpus`` is the text of the sources: where it says "a heat pump" the noun can be counted, where it says
    "composting" bare it cannot, and where it nearly always says "the agency" the phrase means one thing that
    was named before and makes no sense alone.
    """
    if not can_stand(phrase):
        return None
    if is_plural(phrase) or phrase.isupper():
        return NounPhrase(phrase, plural=is_plural(phrase))
    before = Counter((match.group(1) or "").lower() for match in _use_of(phrase).finditer(corpus))
    counted = before.total() - before[""] - sum(before[word] for word in _POINTING)
    bare = before[""]
    plurals = len(re.findall(rf"\b{re.escape(phrase)}(?:s|es)\b", corpus, re.IGNORECASE))
    if (counted and 3 * counted >= bare) or plurals > max(1, bare):
        return NounPhrase(f"{_article(phrase)} {phrase}", plural=False)
    pointing = sum(before[word] for word in _POINTING)
    return NounPhrase(phrase, plural=False) if bare >= pointing or not before else None


def can_stand(phrase: str) -> bool:
    """Whether the phrase looks like a noun phrase: no unit, no adjective at its end, no verb within it.

    A plural before another noun ("bees sting", "sends mail") gives a verb away; names are exempt.
    """
    parts = phrase.split()
    if not parts or _UNIT.search(phrase) or parts[0].lower() in _IMPERATIVES or not _can_be_last(parts[-1]):
        return False
    if phrase[0].isupper() and len(parts) > 1:
        return True
    inner = [part for part in _head_part(phrase).split()[:-1] if part.islower()]
    return not any(is_plural(part) and part not in _PLURAL_MODIFIERS for part in inner) and not any(
        part.endswith("ed") and "-" not in part for part in inner[1:]
    )


def is_person(phrase: str) -> bool:
    """Whether the phrase names people."""
    return _PERSON.search(_head_part(phrase)) is not None


def _use_of(phrase: str) -> re.Pattern[str]:
    """The phrase with its determiner; a use behind another word than these tells nothing about its article."""
    lead = r"\b(an?|the|this|that|its|their|our|your|each|every|one)\s|(?:\b(?:in|of|with|for|to|from|by|and|or|as|on|about|is|are|than|use|using)\s|[.;:,(]\s|^)"
    return re.compile(rf"(?:{lead}){re.escape(phrase)}\b(?!\s?-)", re.IGNORECASE | re.MULTILINE)


def _article(phrase: str) -> str:
    return (
        "an"
        if re.match(r"[aeio]|u(?!ni|s[aei])|[AEFHILMNORSX][A-Z]{1,5}\b|hour|honest|honou?r", phrase)
        else "a"
    )


def _can_be_last(word: str) -> bool:
    lower = word.lower()
    if lower in _NEVER_LAST or not lower[-1].isalnum() or lower.isdigit():
        return False
    return not _NOT_LAST.search(lower) or lower in _NOUNS_THAT_LOOK_OTHERWISE or word.isupper()


def _head_part(phrase: str) -> str:
    return str(_PREPOSITION.split(phrase, maxsplit=1)[0])
