"""The rules behind query intent, as data: what a wording says about why someone asks.

The kinds follow Broder's taxonomy of web search (2002) with "commercial" for those who compare before they
buy; the split of informational queries into factual and instrumental follows ORCAS-I (2022).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from layers.bottom.artifacts import IntentKind, QuestionForm


@dataclass(frozen=True, slots=True)
class Rule:
    """A wording that speaks for a kind of intent, with its weight (the prior of "informational" is 1)."""

    name: str
    kind: IntentKind
    weight: float
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class FormRule:
    """A wording that asks for a form of answer; the first that matches decides."""

    form: QuestionForm
    pattern: re.Pattern[str]


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(alternatives)})\b", re.IGNORECASE)


_QUESTION = re.compile(
    r"^\s*(?:how|what|why|when|where|who|which|is|are|can|do|does|should|will)\b|\?\s*$", re.IGNORECASE
)
_SITES = (
    "google account", "gmail", "youtube", "facebook", "instagram", "twitter", "linkedin", "netflix", "amazon", "ebay",
    "paypal", "walmart", "costco", "target store", "home depot", "lowes", "best buy", "etsy", "pinterest", "reddit",
    "wikipedia", "craigslist", "yahoo", "outlook mail", "hotmail", "spotify", "hulu", "disney plus", "tiktok", "snapchat",
    "fedex", "usps", "ups", "dhl", "irs", "dmv", "fafsa", "medicare gov", "chase", "wells fargo", "bank of america",
    "citibank", "capital one", "verizon", "t mobile", "at&t", "comcast", "xfinity", "vonage", "turbotax", "quickbooks",
    "zillow", "airbnb", "vrbo", "expedia", "ticketmaster", "espn", "cnn", "fox news", "bbc", "politico", "cricinfo",
    "nfl", "nba", "fifa", "delta dental", "delta airlines", "westjet", "marriott", "hilton", "shutterstock", "cvs",
    "walgreens", "kroger", "winco", "aldi", "whole foods", "mychart", "blackboard", "canvas login", "office 365 login",
)  # fmt: skip

RULES = (
    Rule("web_address", "navigational", 4.0, re.compile(r"\bwww\b|\bhttps?:|\b[\w-]{2,}\.(?:com|org|net|gov|edu|io|co\.uk|co)\b", re.IGNORECASE)),
    Rule("account", "navigational", 3.0, _words("log ?-?in", "sign ?-?in", "my account", "member(?:s)? sign", "account (?:log|sign|open)\\w*", "web ?mail", "portal")),
    Rule("official_place", "navigational", 2.0, _words("official (?:web)?site", "home ?page", "near me", "customer service", "opening hours", "store locator", "phone number", "wikipedia")),
    Rule("known_site", "navigational", 1.4, re.compile(rf"^\s*(?:{'|'.join(map(re.escape, _SITES))})\b(?:\W+\w+){{0,2}}\W*$", re.IGNORECASE)),
    Rule(
        "institution", "navigational", 1.3,
        re.compile(
            r"\b(?:credit union|public library|school district|fantasy sports|(?:department|office|ministry) of \w+"
            r"|(?:license|licence) (?:lookup|application|renewal)|(?:property|sales) tax|(?:grocery|department|ups) stores?"
            r"|schedule today|real id)\b\W*$",
            re.IGNORECASE,
        ),
    ),
    # a lone "word" that no English word looks like is mostly a name typed for its site
    Rule("single_name", "navigational", 1.15, re.compile(r"^\W*(?=[a-z]*(?:[b-df-hj-np-tv-z]{4}|ff|zz|vc|kh)|[b-df-hj-np-tv-xz]{2,6}\W*$)[a-z]+\W*$", re.IGNORECASE)),
    Rule("tool", "transactional", 2.2, _words("calculat\\w+", "convert(?:er|or)s?", "generator", "translator", "simulator", "maker", "editor", "checker", "templates?", "printable", "(?:pdf|word|excel|csv|jpg) to (?:pdf|word|excel|csv|jpg)")),
    Rule("obtain", "transactional", 2.6, _words("downloads?", "install(?:er|ation)?", "apk", "torrent", "iso file", "driver for", "free trial", "coupons?", "promo code")),
    Rule("buy", "transactional", 2.4, _words("buy", "order(?! management| of| book| form)", "purchase", "for sale", "book (?:a|an|now|online|flights?|tickets?)", "subscribe", "pay (?:my|bill|online)", "rent(?:al)? (?:a|car)", "shop", "tickets", "quote for", "hire a")),
    Rule("free", "transactional", 1.6, re.compile(r"\bfree\b(?! of| from| will| speech| radical| cash| market| trade| energy| time)(?<!-free)", re.IGNORECASE)),
    Rule("app", "transactional", 1.5, _words("app", "online (?:free|tool)", "remote app", "track my \\w+", "update \\w+ online")),
    Rule("compare", "commercial", 2.4, _words("vs\\.?", "versus", "compar(?:e|ed|ison|ing)", "alternatives? to", "better than")),
    Rule("best", "commercial", 2.2, _words("best (?!practices?|way|ways)", "top (?:\\d+|rated)", "reviews?", "ratings?", "recommended", "worth it")),
    Rule("price", "commercial", 1.8, _words("prices?", "pricing", "costs?", "cheap(?:est)?", "affordable", "deals?", "discount", "how much (?:is|are|does|do)")),
    Rule("choose", "commercial", 1.6, _words("buy(?:er'?s|ing) guide", "which \\w+ (?:should|to)", "how to choose", "choosing (?:a|an|the)", "brands?", "suppliers?", "vendors?")),
    Rule("question", "informational", 1.6, _QUESTION),
    Rule("explain", "informational", 1.2, _words("guide", "tutorial", "meaning", "definition", "explained", "examples?", "causes?", "symptoms?", "history", "benefits?", "types of", "facts", "statistics", "trends?", "impact", "future", "introduction", "overview", "role of", "strateg(?:y|ies)", "best (?:practices?|ways?)", "tips", "ideas", "treatment", "recipe")),
)  # fmt: skip

FORMS = (
    FormRule("comparison", _words("vs\\.?", "versus", "compar(?:e|ed|ing|ison)", "differences? between", "better than", "alternatives? to", "or which")),
    FormRule("cost", _words("how much", "costs?", "prices?", "pricing", "fees?", "roi", "cheap(?:est)?", "budget")),
    FormRule("definition", re.compile(r"^\s*(?:what(?:'s| is| are| does)|define|definition of|meaning of|who (?:is|was|are))\b(?!.*\b(?:best|benefits?|difference|ways?|steps?|examples?|types?|risks?|costs?)\b)|\b(?:definition|meaning|explained|introduction to|basics)\b", re.IGNORECASE)),
    FormRule("why", re.compile(r"^\s*why\b|\b(?:reasons? (?:for|why|to)|causes? of|what causes)\b", re.IGNORECASE)),
    FormRule("list", re.compile(r"\b(?:best|top|\d+ (?:ways|tips|ideas|reasons|examples|things|steps|best|top)|tips|ideas|examples? of|types? of|kinds? of|ways to|list of|checklist|mistakes|trends|benefits|risks|best practices)\b", re.IGNORECASE)),
    FormRule("how_to", re.compile(r"\bhow (?:to|do (?:i|you|we)|can (?:i|you|we)|should (?:i|you|we))\b|\b(?:step[- ]by[- ]step|tutorial|guide to|getting started|setting up|set ?up|instructions?|fix|troubleshoot\w*|install\w*|configur\w+)\b|^(?:cook|mak|build|grow|start|writ|creat|chang|remov|clean|reduc|protect|improv|choos|learn|prepar|brew)(?:ing|e)?\b", re.IGNORECASE)),
    FormRule("yes_no", re.compile(r"^\s*(?:is|are|was|were|can|could|do|does|did|should|will|would|has|have)\s", re.IGNORECASE)),
)  # fmt: skip

INSTRUMENTAL = re.compile(
    r"\bhow (?:to|do (?:i|you|we)|can (?:i|you|we)|wheel)\b|^(?:cook\w*|make|making|edit|delet\w+|chang\w+|remov\w+|apply for"
    r"|register\w*|track|store|cannot|can't|interpret\w*|dissolv\w+|show m[iy]|test (?:mic|my)|calculate|convert|reset|fix\w*"
    r"|install\w*|connect\w*|turn (?:on|off)|set(?:ting)? up|build\w*|grow\w*|protect\w*|reduc\w+|improv\w+|creat\w+)\b"
    r"|\b(?:setup|turn off|turn on|step[- ]by[- ]step|recipe|tutorial|not working|instructions?|guide to|boiled eggs in)\b",
    re.IGNORECASE,
)
FACTUAL = re.compile(
    r"^\s*(?:what|who|when|where|which|why|is|are|was|were|does|do|did|can|how (?:many|much|long|old|far|tall|big|often|does))\b"
    r"|\b(?:definition|meaning|define|mean|symptoms?|causes?|population|capital of|age|born|death|history|wiki\w*|net worth|facts"
    r"|salary|side effects|difference|synonyms?|number of|list of|weather|temperature|calories|lyrics|cast|map|county|city of"
    r"|zip code|area code|formula|types of|treatment|vitamin|disease|syndrome|law|president|war|time zone)\b",
    re.IGNORECASE,
)

BUSINESS = _words(
    "b2b", "enterprises?", "business(?:es)?", "compan(?:y|ies)", "roi", "compliance", "procurement", "saas", "crm", "erp",
    "workforce", "supply chain", "vendors?", "stakeholders?", "teams?", "employees?", "employers?", "industry", "corporate",
    "cloud", "architecture", "governance", "manufacturing", "logistics", "leadership", "kpis?", "hospitals?", "serverless",
)  # fmt: skip
CONSUMER = _words(
    "my", "home", "family", "kids?", "children", "bab(?:y|ies)", "recipes?", "diy", "travel", "holiday", "garden\\w*",
    "pets?", "dogs?", "cats?", "shoes", "beginners?", "sleep", "diet", "skin", "hobb(?:y|ies)", "wedding", "your", "fitness",
    "coffee", "cooking", "personal finance",
)  # fmt: skip
