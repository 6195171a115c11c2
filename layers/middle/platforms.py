"""platformSpecificTuner: per platform the limits, the form, and what to lead with.

Limits are data. Where a platform publishes none, the number is a house rule and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from layers.bottom.artifacts import Intent, QuestionForm
from layers.contract import ContentType, Platform, StepContext
from layers.middle.artifacts import PlatformPlan, PlatformRule

_RULES: Mapping[Platform, PlatformRule] = MappingProxyType(
    {
        # No limit is published and none is said to help; a house rule keeps the block quotable at a glance.
        Platform.GOOGLE_AI_OVERVIEWS: PlatformRule(
            platform=Platform.GOOGLE_AI_OVERVIEWS,
            unit="words",
            limit=120,
            form="a direct answer, then up to four short points, each with its source",
            lead_with="",
        ),
        # House rule: assistants quote a self-contained answer with its main reasons.
        Platform.CHATGPT: PlatformRule(
            platform=Platform.CHATGPT,
            unit="words",
            limit=250,
            form="a self-contained answer, then one short paragraph per main section",
            lead_with="",
        ),
        # House rule: an answer engine shows numbered sources, so every sentence keeps its citation.
        Platform.PERPLEXITY: PlatformRule(
            platform=Platform.PERPLEXITY,
            unit="words",
            limit=180,
            form="a cited answer, then the facts with figures, one sentence each",
            lead_with="",
        ),
        # LinkedIn: posts take 3,000 characters and fold after about 200 (140 on a phone).
        Platform.LINKEDIN: PlatformRule(
            platform=Platform.LINKEDIN,
            unit="characters",
            limit=3000,
            form="an opening that stands alone above the fold, short paragraphs, sources at the end",
            lead_with="",
            max_hashtags=3,
            fold=200,
        ),
        # X: 280 weighted characters per post, a URL counts 23, emoji and CJK count 2 (twitter-text configuration v3).
        Platform.X: PlatformRule(
            platform=Platform.X,
            unit="weighted_characters",
            limit=280,
            form="a thread of posts that each stand alone, the link in the last one",
            lead_with="",
            max_hashtags=2,
            link_cost=23,
            keep_citations=False,
            max_parts=6,
        ),
    }
)

_LEADS: Mapping[QuestionForm, str] = MappingProxyType(
    {
        "definition": "the definition in one sentence",
        "how_to": "the first step and what it achieves",
        "comparison": "the clearest difference, with its figures",
        "list": "the item with the strongest evidence",
        "cost": "the price range and what moves it",
        "why": "the main reason",
        "yes_no": "the answer and the condition it depends on",
        "overview": "the finding with the strongest evidence",
    }
)

_TYPE_LEADS: Mapping[ContentType, str] = MappingProxyType(
    {
        ContentType.CASE_STUDY: "the result that was measured",
        ContentType.INDUSTRY_ANALYSIS: "the figure that shows the change",
    }
)


async def tune_platform(context: StepContext) -> PlatformPlan:
    """The rules of the platforms that the request names, in its order; of all of them where it names none."""
    brief = context.brief
    wanted = tuple(dict.fromkeys(brief.platforms)) or tuple(Platform)
    lead = _TYPE_LEADS.get(brief.content_type) or _LEADS[context.need(Intent).form]
    return PlatformPlan(
        platforms=tuple(_RULES[name].model_copy(update={"lead_with": lead}) for name in wanted)
    )
