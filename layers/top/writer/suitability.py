"""Which sentences of a source can stand in an article, and which cannot stand alone.

Refused: questions, fragments, headings, list stubs, navigation and marketing boilerplate, text that addresses a
language model, sentences that point at something the article does not show or at the day they were written, and
sentences in the first person, whose author is not the author of the article.
"""

# ruff: noqa: RUF001 - typographic quotes and dashes are what this module reads

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

MIN_WORDS: Final = 6
MAX_WORDS: Final = 48

_BOILERPLATE: Final = re.compile(
    r"""\b(?:
      cookies?\b | newsletters? | subscri(?:be|ption|bing) | sign(?:ing)?[ -]?up | click(?:ing)?\s(?:here|on|the) | tap\shere
    | (?:read|learn|find\sout|see|discover|know)\smore\b | share\sthis | all\srights\sreserved | copyright
    | terms\s(?:of|and)\s(?:use|service|conditions) | privacy\s(?:policy|notice) | log(?:ged)?\s?in\sto\s(?:your|comment)
    | advertis(?:ement|ing\sdisclosure) | sponsored | affiliate\slinks? | (?:follow|contact|email|call|visit|join|ask)\sus\b
    | free\s(?:trial|demo|consultation|quote|ebook) | download\s(?:our|the|your|this) | book\sa\s(?:demo|call)
    | get\s(?:started|in\stouch) | skip\sto | table\sof\scontents | last\supdated | posted\s(?:by|on|in) | min(?:ute)?s?\sread
    | leave\sa\s(?:comment|reply) | photo(?:graph)?\s(?:by|credit) | image\s(?:by|credit|source) | related\s(?:articles?|posts?)
    | enable\sjavascript | your\sbrowser | page\snot\sfound | shopping\scart | add\sto\scart | coupon | promo\scode
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_POINTS_ELSEWHERE: Final = re.compile(
    r"""\b(?:
      (?:in|throughout|of|from)\sth(?:is|e\spresent)\s(?:article|post|guide|section|chapter|page|blog|paper|tutorial|document|overview|report|review|video|series|lesson|note|briefing)
    | this\s(?:article|post|guide|section|chapter|page|blog|paper|tutorial|document|overview|video|lesson|note|briefing)\b
    | (?:we|i)(?:['’]ll|\swill|\sshall)?\s(?:discuss|cover|look|explore|describe|explain|review|walk|dive|share)
    | as\s(?:mentioned|discussed|shown|noted|described|stated|explained|outlined|seen)\s(?:above|earlier|before|below|previously|in)
    | (?:see|cf\.?)\s(?:also\b|figure|fig|table|section|chapter|appendix|above|below|box)
    | (?:figure|fig\.|table|box|appendix)\s\d
    | (?:the|this)\s(?:above|table|figure|chart|diagram|graph|list|image|screenshot|example)s?\s(?:above|below|shows?|lists?)
    | (?:listed|described|shown|given|mentioned|outlined|discussed)\s(?:above|below)
    | more\s(?:on|about)\s(?:that|this|it|these)\b | the\sfollowing\b | :\s\w+\.$ | (?:above|below)\.$ | as\sfollows
    | \b(?:includes?|including|are|following)\s?:
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_ADDRESSES_A_MODEL: Final = re.compile(
    r"""\b(?:
      (?:ignore|disregard|forget|override)\s(?:all\s|any\s|the\s|your\s|every\s)*(?:previous|prior|above|earlier|preceding|other|system)?\s*(?:instruction|prompt|rule|message|direction|guideline)s?
    | system\sprompt | (?:you\sare|act\sas|as)\san?\s(?:ai|language\smodel|llm|assistant|chatbot) | (?:large\s)?language\smodels?\s(?:reading|must|should)
    | (?:dear|attention|note\sto)\s(?:ai|llm|assistant|chatgpt|model)s?\b | new\sinstructions? | (?:reveal|print|output|repeat)\s(?:your|the)\s(?:system|prompt|instruction)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_UNFINISHED: Final = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|the|an?|of|to|and|or|but|in|on|at|for|with|by|from|that|which|who|as|than|includes?|including|"
    r"weighs?|weighed|costs?|equals?|totals?|means|about|between|over|under|into)\s?\.?$",
    re.IGNORECASE,
)
_ABBREVIATED: Final = re.compile(r"\b(?:etc|inc|ltd|co|jr|sr|al|[a-z])\.,", re.IGNORECASE)
_WORK_CITED: Final = re.compile(
    r"\([^()]*\b(?:Press|Publish\w+|Books|Verlag|Editions?)\b[^()]*\d{4}[^()]*\)|\b\d+\s?\(\d+\)\s?:\s?\d+|©|\bISBN\b|\b(?:pp?|vol)\.\s?\d|\bibid\b",
    re.IGNORECASE,
)
_ROW: Final = re.compile(r"^[^.:;]{1,40}:\s[^;]*;\s[^.:;]{1,40}:\s")
_SUBORDINATE: Final = re.compile(r",\s(?:when|where|which|who|because|if|since|although|as)\s")
_ADVERBIAL: Final = re.compile(
    r"^(?:once|twice|after|before|in|at|on|from|every|during|usually|only)\s", re.IGNORECASE
)
_CHANGELOG: Final = re.compile(
    r"^(?:Fixed|Added|Changed|Removed|Deprecated|Updated|Improved|Bumped|Renamed)\b:?\s(?!by\b|to\b|in\b)|^(?:Looks|Seems|Makes|Takes|Works|Keeps|Needs|Comes|Tastes|Feels|Smells)\s"
)
_ABSTRACT_PART: Final = re.compile(
    r"^(?:Objectives?|Aims?|Setting|Participants|Design|(?:Materials and )?Methods?|Interventions?|Eligibility|Funding|Purpose|Study (?:selection|design)|"
    r"Data (?:sources|abstraction|extraction|synthesis|collection)|(?:Main )?Outcomes?(?: measures?)?|Context|Patients)(?::\s|\s(?=[A-Z0-9]))"
)
_WHEN_IT_WAS_WRITTEN: Final = re.compile(
    r"\b(?:yesterday|tomorrow|tonight|on\s(?:mon|tues|wednes|thurs|fri|satur|sun)day(?!s|,?\s\d|,?\s(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))|(?:last|this|next)\s(?:week|month|year|spring|summer|autumn|fall|winter|weekend|season|"
    r"monday|tuesday|wednesday|thursday|friday|saturday|sunday)|(?:since|until)\slast\s\w+|\w+\s(?:days?|weeks?|months?|years?)\sago|these\sdays)\b",
    re.IGNORECASE,
)
_DENIED: Final = re.compile(
    r"^\s*(?:no|nope|wrong|false|not\s(?:true|really|quite|so|at\sall)|myth|nonsense|partly|sometimes|rarely|it['’]?s\s(?:complicated|a\smyth|not\strue)|"
    r"it\s(?:does|is|doesn['’]t|isn['’]t|does\snot|is\snot|did|was)(?:\sthe\sopposite|\snot|,|\.)|they\s(?:do|don['’]t|are|aren['’]t)(?:\snot)?[,.]|busted|(?:that|this)(?:['’]s|\sis)\s(?:what|how)\s(?:the\s|some\s|many\s|most\s)?\w+\s(?:says?|claims?|believes?|thinks?|promises?)|that['’]?s\s(?:wrong|false|a\smyth|not\strue))(?![\w’'])",
    re.IGNORECASE,
)
_MYTHS: Final = re.compile(r"\b(?:myths?|misconceptions?|debunk\w*|lies|fact or fiction)\b", re.IGNORECASE)
_ADDRESS: Final = re.compile(
    r"https?:|www\.|\b[\w.+-]+@[\w-]+\.\w|\b[\w-]+\.(?:com|org|net|io|gov|edu)/|(?:^|\s)[@#]\w"
)
_MARKUP: Final = re.compile(r"[|<>{}\t]|</|\*\*|__|```|\]\(|&\w+;|\\[a-z]")
_FIRST_PERSON: Final = re.compile(
    r"(?<!\w)(?:I|I['’]\w+|[Mm]y|me|[Mm]yself|[Ww]e|[Ww]e['’]\w+|[Oo]urs?|us)(?!\w)(?!\.)"
)
_PROCEDURE: Final = re.compile(
    r"\b(?:was|were|been)\s(?:\w+ly\s)?(?:undertaken|performed|recruited|enrolled|randomi[sz]ed|analy[sz]ed|calculated|assessed|collected|retrieved|referred|included|excluded|obtained)\b"
    r"|\b[np]\s?[=<>≤]\s?[\d.]|\b95\s?%\s(?:CI|confidence)|\b(?:we|were)\ssearched\b"
)
_LABEL: Final = re.compile(r"^(?:[A-Z][\w-]*)(?:\s[\w-]+){0,3}:\s")
_SPEECH: Final = re.compile(
    r"[,.!?][\"”]\s(?:says|said|explains|adds|writes|argues|according)\b|\b(?:says|said|told)[,:]?\s[\"“]"
)
_VERB: Final = re.compile(
    r"""\b(?:is|are|was|were|be|been|am|has|have|had|can|could|may|might|must|shall|should|will|would|do|does|did|
      isn['’]t|aren['’]t|can['’]t|cannot|don['’]t|doesn['’]t|won['’]t|['’]s|['’]re
      |\w{2,}(?:ed|ise|ize|ises|izes|ifies|ify)|\w+n['’]t
      |(?:make|take|give|show|mean|need|help|use|include|require|allow|provide|reduce|increase|grow|cost|find|say|come|go|run|keep|set|let|put
        |become|remain|begin|start|lead|cause|offer|support|depend|work|add|affect|bring|build|call|carry|change|choose|cut|drive|fall|rise|follow|get|hold
        |improve|involve|know|lack|learn|like|live|look|lose|matter|meet|move|occur|pay|play|point|prevent|produce|protect|reach|read|receive|report|rely
        |save|see|seem|send|serve|spend|stand|stay|stop|suggest|tell|tend|turn|want|contain|consist|refer|exist|store|contribute|combine|create|enable|apply)s?
      |made|took|gave|shown?|meant|found|said|came|went|ran|kept|let|became|began|led|brought|built|cut|drove|fell|rose|got|held|knew|lost|met|paid|read|saw|sent|spent|stood|told|grew|wrote|goes)\b""",
    re.VERBOSE | re.IGNORECASE,
)  # fmt: skip
_ENDED: Final = re.compile(r"[.!。]['\"”’)\]]*(?:\s?\[\d+(?:[,–-]\s?\d+)*\])*$")

_SUBJECT: Final = r"(?:it|its|this|that|these|those|they|their|them|he|she|his|her|such)"
_SHOWN_BEFORE: Final = (
    "study|report|survey|authors?|researchers?|paper|team|trial|review|analysis|experiment|latter|former|same|result|"
    "results|findings?|company|firm|agency|tool|system|model|method|approach|bill|ruling|author|investigators|group|"
    "second|third|fourth|other|others|two|three|difference|effect|reason|problem|idea|goal|aim|answer|rest|remainder|gap|"
    "programme|program|device|drug|participants|patients|respondents|change|pattern|figure|number|numbers|figures|"
    "remaining|project|product|test|site|process|technique|procedure|change|changes|trend|picture|lesson|point"
)
_DEPENDENT: Final = re.compile(
    rf"""^["'“‘(]*(?:
      {_SUBJECT}\b
    | (?:both|another|others?|neither|either|similarly|likewise|conversely|instead|otherwise|then|again|here|so|but|and|or|nor|yet|which|who|too|also|even\sso|as\ssuch|not\sall|some\sof|most\sof|one\sof\s(?:the|these|those)|each\sof|all\sof)\b(?!\s(?:sides|kinds)\b)
    | there\b(?!\s(?:is|are|was|were|has|have|will|can|may|exists?|remains?)\b)
    | (?:for\s(?:example|instance|this|that|these|those)|in\s(?:this|that|these|those|such|contrast|other\swords|turn|comparison|the\ssame|each|both)|by\s(?:contrast|comparison|then|doing)|on\s(?:this|that|the\sother)|
        at\s(?:this|that|the\ssame)|under\s(?:this|that|these)|with(?:out)?\s(?:this|that|these|them|it)|because\sof\s(?:this|that|these)|
        despite\s(?:this|that|these)|to\s(?:do|achieve|address|avoid|prevent|fix|solve)\s(?:so|this|that|it|these)|after\s(?:this|that)|before\s(?:this|that)|from\s(?:this|that|there)|
        of\s(?:these|those|them|the\srest)|among\s(?:these|those|them|the)|as\sa\sresult\sof\s(?:this|that)|part\sof\sthe|that\ssaid|what['’]?s?\smore|more\sthan\sthat|much\sof\s(?:this|that|it|the)|much\sthe\ssame|like\sthis|
        the\slast\sof|rather|even\sthen|even\sthat|only\sthen|nor|worse|better\sstill|not\sonly\sthat)\b
    | number\s(?:one|two|three|four|five)\b
    | (?:when|if|while|as|although|though|because|since|after|before|once|where|unless|until|whether|how|what)\s(?:it|they|this|these|those|he|she|that|its|their|doing)\b
    | the\s(?:{_SHOWN_BEFORE})\b(?!\s(?:of|for|between|in|that|to|behind|on|with)\b)
    | \w+ing\s(?:this|that|these|those|them|it|so)\b
    | (?:a|one)\s(?:second|third|fourth|further|final|similar|related|different|later|separate|follow-up)\b
    | (?:two|three|four|five|six|several|some|many|most|few|others?)\s(?:of\s(?:them|these|those)|others?|did|do|were|are|have)\b
    )""",
    re.VERBOSE | re.IGNORECASE,
)  # fmt: skip


_LEANS: Final = re.compile(
    r"""(?:
      ,\s(?:for\s(?:example|instance)|however|though|therefore|then|in\sturn|meanwhile|on\sthe\sother\shand|by\scontrast|in\scontrast)[,.]
    | \b(?:too|as\swell|either)[.;,!] | ^now\b | ^(?:\w+\s){1,7}that['’]s\b | ^\w+ly?\s(?:it|them)\b
    | ^(?:add|put|take|do|make|leave|keep|give|cut|turn|pour|fill|mix|cover|use|let|check|wash|set|get|try|call|spray|scrape)\s(?:it|them|this|that|these|those)\b
    | ^(?:signs|symptoms|causes|reasons|examples|results|effects|side\seffects|benefits|advantages|drawbacks|penalties|exceptions|ingredients|treatments?|prices|fees|pros|cons)
        \s(?:are|is|were|was|include[sd]?|ranges?|ranged|vary|depends?)\b
    | \b(?:estimat|found|find|show|conclud|report|suggest|calculat|said|say|argu|claim|stat|warn|expect|believ|not|reveal|confirm)\w*\s(?:that\s)?
        (?:they|these|he|she|it(?!\s(?:is|was|will\sbe|would\sbe|can\sbe|may\sbe|takes?|took|costs?|pays?|seems?|appears?)\b))\b
    | \b(?:hit|affected)\s(?:hardest|worst)\b
    | \b(?:does|do|did)\s(?:so|the\s(?:same|opposite))\b | \b(?:this|that)[.,;] | \byours?elf\s(?:this|that)\b | \byours\b | \bmore\sthan\s(?:that|this|these)\b
    | ^(?:if|when|once|after|unless)\sthe\s\w+\s(?:is|are|was|were|has|have|does|do)\b
    | ^(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens|several|many|most|few|some|all)\s(?:\w+ed|were|are|was|is|did|have|had|said|went|came|got)\b
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_DEFINITE_SUBJECT: Final = re.compile(
    r"""
    ^the\s(?!(?:world|internet|sun|moon|earth|web|public|government|state|climate|economy|body|brain|heart|skin|sky|weather|law|market|industry|us|uk|eu|un|usa)\b)
        (?:(?!\w+est\b|most|main|only|key|first|last|average|median|mean|total|global|human|general|modern|current|simplest)[a-z-]+\s)?[a-z]+\s(?:is|are|was|were|has|have|had|can|could|may|might|must|will|would|should|does|do|did|[a-z]{2,}(?:ed|[^su\W]s)|like|then|also|only|still|now|never|always|just)\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_THEY: Final = re.compile(r"\b(?:they|them|their)\b", re.IGNORECASE)
_PLURAL: Final = re.compile(
    r"\w{2,}[^su\W]s\b|\w+ss?es\b|\band\b|\b(?:people|children|women|men|staff|police|teams?|family|company|firm|who|every\w+|any\w+|some\w+|each|no\sone|nobody|person|someone|data|media|mice|feet|teeth|criteria|bacteria|fungi)\b",
    re.IGNORECASE,
)
_OBJECT: Final = re.compile(
    r"^(?!.{0,40}\b(?:and|but|or|that|because|if|when|while|as|since|so|which|where|who|than|find|finds|found|makes?|made|keeps?|considers?|takes?)\s+(?:\w+\s)?it\b)(?:[\w’'-]+\s){1,7}it\b",
    re.IGNORECASE,
)
_STUDY: Final = "study|trial|experiment|survey|sample|review|analysis|report|paper|test|project|programme|program|group|period|case|year|model|cohort|country|region"
_MENTIONED: Final = re.compile(
    rf"\b(?:(?:this|these|those)\s(?!(?:is|are|was|were|who|that|of|can|may|will|has|have|year|week|month|century|decade)\b)(?P<noun>[a-z]+)"
    rf"|(?:that|the\ssame|such\s)\s?(?P<study>{_STUDY})\b|(?:[Ii]n|[Bb]y|of|[Ff]rom)\sthe\s(?P<bare>{_STUDY})\b(?!\s(?:of|for|on|by|in|that|with|to|from|\w+ed)\b)"
    r"|\bsuch\san?\s(?P<kind>[a-z]+)|\bthe\s(?P<people>authors|researchers|investigators|latter|former)\b)"
)


@lru_cache(maxsize=16_384)
def is_usable(text: str, word_count: int) -> bool:
    """Whether a sentence may be quoted at all. ``text`` has its white space collapsed.

    Remembered, since steps and jobs on the same sources ask about the same sentences.
    """
    if not MIN_WORDS <= word_count <= MAX_WORDS or not _looks_like_prose(text):
        return False
    if _BOILERPLATE.search(text) or _POINTS_ELSEWHERE.search(text) or _WHEN_IT_WAS_WRITTEN.search(text):
        return False
    if _ROW.match(text) or _is_adverbial(text) or _UNFINISHED.search(text) or _WORK_CITED.search(text):
        return False
    if _FIRST_PERSON.search(text) or _ABSTRACT_PART.match(text) or _CHANGELOG.match(text):
        return False
    if ".," in text and not _ABBREVIATED.search(text):
        return False
    return not (_ADDRESSES_A_MODEL.search(text) or _ADDRESS.search(text) or _MARKUP.search(text))


def is_cut_off(text: str, start: int, end: int) -> bool:
    """Whether the sentence ``text[start:end]`` follows another one on its line and has no end: a page cut it off."""
    line = text.rfind("\n", 0, start) + 1
    return bool(text[line:start].strip()) and _ENDED.search(text[start:end].rstrip()) is None


def needs_antecedent(text: str) -> bool:
    """Whether a sentence leans on the one before it: an orphan pronoun, connective or definite noun."""
    return leans_back(text) or _DEFINITE_SUBJECT.match(text) is not None


def leans_back(text: str) -> bool:
    """Whether an orphan pronoun, a connective or a demonstrative makes the sentence lean on the one before it."""
    return _DEPENDENT.match(text) is not None or _LEANS.search(text) is not None or _points_back(text)


def _points_back(text: str) -> bool:
    """Whether "these complaints" or "in that study" names something that the sentence itself does not introduce."""
    if _OBJECT.match(text) or ((they := _THEY.search(text)) and not _PLURAL.search(text[: they.start()])):
        return True
    for found in _MENTIONED.finditer(text):
        noun = next(word for word in found.groups() if word)
        before = text[: found.start()].lower()
        if noun.rstrip("s")[:6] not in before:
            return True
    return False


def looks_like_verb(word: str) -> bool:
    """Whether a word that follows a noun is rather its verb than another noun."""
    return _VERB.fullmatch(word) is not None


def addresses_a_model(text: str) -> bool:
    """Whether a text speaks to a language model; nothing around such a sentence is trusted either."""
    return _ADDRESSES_A_MODEL.search(text) is not None


def is_denied(following: str) -> bool:
    """Whether the text right after a sentence takes it back ("You need a starter. No.")."""
    return _DENIED.match(following) is not None


def tells_myths(title: str) -> bool:
    """Whether what stands under this title or heading may be stated only to be refuted."""
    return _MYTHS.search(title) is not None


def is_aside(text: str) -> bool:
    """Whether it is direct speech, whose speaker needs an introduction, or a note under a label ("Cost: ...")."""
    return text[:1] in '"“‘' or _LABEL.match(text) is not None or _SPEECH.search(text) is not None


def is_procedure(text: str) -> bool:
    """Whether it tells how a study was done or gives its test statistics, not what it found."""
    return _PROCEDURE.search(text) is not None


def _looks_like_prose(text: str) -> bool:
    tokens = text.split()
    letters = sum(map(str.isalpha, text))
    if letters < 0.6 * len(text) or not text[0].isprintable():
        return False
    first = tokens[0].strip("\"'“‘(")
    if (
        not first
        or (first.islower() and "_" not in first)
        or not (first[0].isalpha() or first[0].isdigit() or first[0] in "$€£")
    ):
        return False
    if text.rstrip("\"'”’)")[-1:] in "?:;,…" or text.count("?") or _unbalanced(text):
        return False
    shouted = sum(len(token) > 3 and token.isupper() for token in tokens)
    if shouted > 0.3 * len(tokens):
        return False
    if _ENDED.search(text) and len(tokens) > MIN_WORDS:
        return _VERB.search(text) is not None or not _title_like(tokens)
    return _VERB.search(text) is not None and not _title_like(tokens)


def _is_adverbial(text: str) -> bool:
    """Whether the main clause is missing ("Once a year in May, when there is plenty of grass")."""
    main = _SUBORDINATE.split(text, maxsplit=1)
    return len(main) > 1 and _ADVERBIAL.match(text) is not None and _VERB.search(main[0]) is None


def _title_like(tokens: list[str]) -> bool:
    words = [token for token in tokens if token[0].isalpha()]
    capitals = sum(word[0].isupper() for word in words)
    return capitals > 0.5 * len(words) or len(words) < MIN_WORDS


def _unbalanced(text: str) -> bool:
    pairs = (("(", ")"), ("[", "]"), ("“", "”"))
    return any(text.count(left) != text.count(right) for left, right in pairs) or text.count('"') % 2 == 1
