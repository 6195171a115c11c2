"""The sides from which a topic can be written about: how each is asked, titled and recognised in evidence.

Patterns use the fields of :func:`ask`: ``{subject}`` ("AI in healthcare"), ``{short}``, ``{place}`` (" in
healthcare"), and the agreeing ``{is}``, ``{does}``, ``{it}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from layers.middle.artifacts import SectionForm
from layers.middle.outline.topic import Topic

Naming = Literal["free", "before", "anywhere"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """One side of a topic.

    ``question`` names the subject, ``bare`` does not, ``title`` is the plain form. ``cue`` recognises a sentence
    that speaks of it; ``heading_cue`` recognises a heading that does. ``naming`` says whether such a sentence must
    name the subject too: before the cue, or anywhere.
    """

    name: str
    question: str
    bare: str
    title: str
    cue: re.Pattern[str]
    heading_cue: re.Pattern[str]
    form: SectionForm = "prose"
    naming: Naming = "free"


def _facet(
    name: str,
    question: str,
    bare: str,
    title: str,
    *,
    cue: str,
    heading: str,
    form: SectionForm = "prose",
    naming: Naming = "free",
) -> Facet:
    return Facet(
        name=name,
        question=question,
        bare=bare,
        title=title,
        cue=re.compile(rf"\b(?:{cue})", re.IGNORECASE),
        heading_cue=re.compile(rf"\b(?:{heading})", re.IGNORECASE),
        form=form,
        naming=naming,
    )


_ALL = (
    _facet(
        "definition", "What {is} {subject}?", "The basics", "Definition and scope",
        cue=r"(?:is|are) (?:an?|the) (?:\w+ ){0,2}(?:kind|type|form|branch|practice|process|set|family|technique|method"
            r"|field|use|system|way|term)\b|refers? to|(?:is|are) defined|known as|describes\b|means\b|consists? of",
        heading=r"what (?:is|are|does .* mean)|definition|basics|fundamentals|introduc|overview|key (?:terms|concepts)",
        naming="before",
    ),
    _facet(
        "contrast", "How {does} {short} differ?", "What sets them apart?", "The main differences",
        cue=r"whereas|unlike|compared (?:to|with)|differ\w*|in contrast|versus|both\b|(?:more|less|fewer|\w+er) (?:\w+ )?than\b|while\b",
        heading=r"differ|contrast|compar|versus|\bvs\b|set.* apart|side by side",
        naming="anywhere",
    ),
    _facet(
        "how", "How {does} {head} work{place}?", "How {does} {it} work?", "How {it} {works}",
        cue=r"works? (?:by|as|like)|mechanism|made (?:up )?of|rel(?:ies|y) on|(?:is|are) based on|trained on|converts?\b|turns? .* into"
            r"|breaks? down|consists? of|moves? (?:between|through|from)|stores?\b|uses?\b",
        heading=r"how (?!well|much|long|many|often).*\bworks?$|mechanism|principle|the process|the science|chemistry|anatomy|architecture",
        naming="before",
    ),
    _facet(
        "why", "Why {does} {short} matter?", "Why {does} {it} matter?", "Why {it} {matters}",
        cue=r"important|matters?\b|the (?:main|leading) (?:cause|reason|driver)|crucial|essential|reasons? (?:for|why)|that is why"
            r"|the problem is|driv(?:es|ers|ing)\b",
        heading=r"why\b|importance|reasons?\b|motivation|the case for",
        naming="before",
    ),
    _facet(
        "uses", "Where {is} {short} used{place}?", "Where {is} {it} used?", "Applications",
        cue=r"used (?:to|for|in|as|by)\b|applications?\b|applied (?:to|in)\b|deployed|helps?\b|supports?\b|enables?\b"
            r"|suited|suitable|useful",
        heading=r"uses?\b|using|applications?|use cases?|where .* used|in practice|who (?:is|should)|when to",
        form="list",
        naming="before",
    ),
    _facet(
        "benefits", "What are the benefits of {short}{place}?", "What are the benefits?", "Benefits",
        cue=r"benefits?\b|advantages?\b|improv\w+|reduc\w+|sav(?:e|es|ed|ings?)\b|faster|cheaper|more (?:efficient|accurate)"
            r"|gains?\b|boosts?\b|helps?\b|good for",
        heading=r"benefit|advantage|\bpros\b|strength|gains|what .* (?:brings|offers)|good results",
        form="list",
    ),
    _facet(
        "evidence", "What does the research on {short} show?", "What does the research show?", "What the research shows",
        cue=r"stud(?:y|ies)\b|trials?\b|surveys?\b|research(?:ers)?\b|meta-analys\w+|found that|reported|participants"
            r"|according to|measured",
        heading=r"evidence|research|stud(?:y|ies)|trials?\b|data\b|findings|results|what .* (?:shows?|found)",
    ),
    _facet(
        "risks", "What are the risks of {short}{place}?", "What are the risks and limits?", "Risks and limitations",
        cue=r"risks?\b|dangers?\b|harm\w*|threat\w*|bias\w*|privacy|breach\w*|vulnerab\w+|unsafe|injur\w+|hazard\w*|toxic"
            r"|fail(?:s|ed|ures?)?\b|errors?\b|limit(?:s|ed|ations?)\b|challenges?\b|barriers?\b|drawbacks?\b|disadvantages?\b"
            r"|lack(?:s|ed)?\b|cannot\b|difficult\w*|uncertain\w*|problems?\b|fire\b|disease|pests?\b|sting\w*",
        heading=r"risk|danger|harm|threat|safety|bias|privacy|limit|challenge|barrier|drawback|disadvantage|\bcons\b"
            r"|concern|weakness|criticism|what can go wrong|caveat",
        form="list",
    ),
    _facet(
        "cost", "How much {does} {short} cost?", "What {does} {it} cost?", "Costs",
        cue=r"costs?\b|prices?\b|priced\b|expens\w+|afford\w*|budgets?\b|fees?\b|invest\w+|(?:US)?[$€£]\s?\d|dollars?\b|euros?\b"
            r"|cheap\w*|pounds sterling",
        heading=r"costs?\b|pric(?:e|es|ing)|budget|money|economics|fees|investment|afford|expens|value for",
    ),
    _facet(
        "rules", "Which rules apply to {short}?", "Which rules apply?", "Rules and regulation",
        cue=r"regulat(?:ions?|ory|ors?)\b|regulated (?:by|under|as)\b|laws?\b|legal\w*|legislat\w+|act\b|directives?\b|complian\w+|guidelines? (?:of|from|by|for|require)|standards? (?:for|of|set|bod(?:y|ies)|require)"
            r"|(?:industry|international|safety|technical|legal) standards?\b|licen[cs]\w+"
            r"|permits?\b|approv\w+|ordinances?\b|regist(?:er|ered|ration)\b|authorit(?:y|ies)\b|mandatory|required by",
        heading=r"regulat|law|legal|rules|complian|governance|policy|licen[cs]|permit|standards|approval|oversight",
    ),
    _facet(
        "environment", "What {does} {short} mean for the environment?", "What {does} {it} mean for the environment?",
        "Environmental impact",
        cue=r"environmental(?:ly)?\b|for the environment\b|(?<!political )(?<!economic )(?<!business )climate\b|emissions?\b|carbon\b"
            r"|(?<!debt )(?<!fiscal )sustainab\w+|landfill|recycl\w+|carbon footprint|biodivers\w+|pollut\w+",
        heading=r"environment|climate|sustainab|recycl|footprint|emission|ecolog|biodivers",
    ),
    _facet(
        "history", "How did {short} develop?", "How did it begin?", "Background and history",
        cue=r"began\b|founded|invented|originat\w+|originally|first (?:introduced|described|used|proposed|built|sold)|was introduced"
            r"|dates? back|centur(?:y|ies)|in the (?:early|late)? ?1[6-9]\d0s",
        heading=r"history|origin|background|timeline|evolution|how .* (?:began|developed)",
    ),
    _facet(
        "outlook", "What comes next for {short}?", "What comes next?", "Outlook",
        cue=r"in the future|the future of|future (?:research|work|generations?|versions?|growth|plans|use)|will (?:be|likely|become|need)\b|expected to"
            r"|forecasts?\b|projected|trends?\b|by 20(?:2[7-9]|[3-9]\d)|next (?:few|decade|generation|years)|emerging|pipeline|could become",
        heading=r"future|outlook|trend|what(?:'s| is| comes)? next|forecast|prospects|road ?map|ahead",
    ),
    _facet(
        "start", "How do you get started with {short}?", "Where do you start?", "Getting started",
        cue=r"begin\w*|start(?:s|ed|ing)?\b|first (?:step|year|season)|choose\b|set(?:ting)? up|prepare\b|before (?:you|buying)|you (?:will )?need"
            r"|join\b|plan\b",
        heading=r"start|begin|first steps?|step by step|set(?:ting)?(?: \w+)? up|choos|how to|before you|prepar|plan\b|tips|guide",
        form="list",
    ),
    _facet(
        "tools", "What do you need for {short}?", "What do you need?", "What you need",
        cue=r"equipment|tools?\b|materials?\b|supplies|gear\b|kits?\b|containers?\b|need(?:s|ed)?\b|requires?\b|space\b|hardware",
        heading=r"equipment|tools?\b|materials?|supplies|gear\b|what you(?:'ll| will)? need|requirements|ingredients|kit\b",
        form="list",
    ),
    _facet(
        "practice", "How is {short} put into practice?", "How is it put into practice?", "Putting it into practice",
        cue=r"implement\w*|integrat\w+|train(?:ing|ed)? (?:staff|employees|users|on)|staff|workflows?\b|adopt\w+|deploy\w*|roll(?:ed)?"
            r"[ -]?out|monitor\w*|validat\w+|pilot\w*",
        heading=r"implement|integrat|adopt|deploy|roll|introducing|in practice|validation|best practice|training|workflow",
    ),
    _facet(
        "care", "What {does} {short} need over time?", "What upkeep does it need?", "Operation and upkeep",
        cue=r"mainten\w+|maintain(?:s|ing)?\b|inspect\w*|check(?:s|ed)? (?:the|for|whether|your|each|every|that)|season\w*|weekly|monthly"
            r"|(?:every|once a|each|a) (?:few )?(?:week|month|year|season|spring|autumn|fall)s?\b|regularly|clean\w*|winter|spring\b|summer"
            r"|water(?:ed|ing)?\b|feed\w*",
        heading=r"mainten|upkeep|care\b|caring|season|inspect|monitor|through the year|calendar|looking after|managing",
        form="list",
    ),
    _facet(
        "mistakes", "What can go wrong with {short}?", "What can go wrong?", "Common problems",
        cue=r"mistakes?\b|avoid\w*|never\b|do not\b|don't\b|wrong\w*|pitfalls?\b|common (?:error|problem)|too (?:much|many|little|wet|dry)",
        heading=r"mistake|trouble|problems?\b|fix(?:es|ing)?\b|avoid|pitfall|troubleshoot|common (?:error|problem)|don't|what not to|myth|smell",
        form="list",
    ),
    _facet(
        "performance", "How well {does} {short} perform?", "How well {does} {it} perform?", "Performance",
        cue=r"efficien\w+|speed\b|perform\w*|capacity|power\b|densit(?:y|ies)|accura\w+|output|quality|taste\w*|flavou?r\w*|charg\w+"
            r"|strength|stronger",
        heading=r"perform|efficien|speed|capacity|power|densit|accura|quality|taste|flavou?r|benchmark|strength",
    ),
    _facet(
        "lifespan", "How long {does} {short} last?", "How long {does} {it} last?", "Lifespan",
        cue=r"cycles?\b|lifetime|lifespan|life\b|durab\w+|last(?:s|ed)? (?:for|about|up to|longer|\d)|degrad\w+|wear\b|years? of",
        heading=r"life|durab|cycle|longevity|degrad|wear",
    ),
    _facet(
        "market", "What do the figures on {short} say?", "What do the figures say?", "Key figures",
        cue=r"market\w*|grew|growth|billions?\b|millions?\b|sales|demand|industry|revenue|shipments?|share of|capacity of|per ?cent|%",
        heading=r"market|growth|figures|numbers|demand|sales|industry|statistics|adoption|scale",
        form="table",
        naming="anywhere",
    ),
    _facet(
        "choice", "When is {short} the right choice?", "When does each make sense?", "Choosing between the options",
        cue=r"suit\w*|ideal|prefer\w*|choos\w+|choice|better (?:for|suited|fit)|best (?:for|suited)|instead|depends? on|recommend\w*",
        heading=r"which (?:one|is|should)|(?:where|when) each|makes? sense|choos|choice|verdict|better|when to|suit|alternatives|who should",
    ),
)  # fmt: skip

FACETS: Mapping[str, Facet] = MappingProxyType({facet.name: facet for facet in _ALL})


def ask(pattern: str, topic: Topic) -> str:
    """Fill a pattern so that number agrees; the first letter becomes a capital."""
    plural = topic.plural
    filled = pattern.format_map(
        {
            "subject": topic.subject,
            "short": topic.short,
            "head": topic.short,
            "place": topic.place,
            "is": "are" if plural else "is",
            "does": "do" if plural else "does",
            "it": "they" if plural else "it",
            "works": "work" if plural else "works",
            "matters": "matter" if plural else "matters",
        }
    )
    return filled[:1].upper() + filled[1:]
