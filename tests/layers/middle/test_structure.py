import pytest

from layers.bottom.artifacts import PassageIndex
from layers.contract import Audience, ContentType, TargetLength, Tone
from layers.middle.outline.calls_to_action import call_to_action
from layers.middle.outline.casing import Casing
from layers.middle.outline.headings import clean_heading
from layers.middle.outline.key_points import key_point_heading
from layers.middle.structure import structure_content


async def test_an_outline_answers_first_and_covers_the_template_in_its_order(make_context):
    outline = await structure_content(make_context(audience=Audience.B2C))

    assert outline.answer_question == "What is kelp farming?"
    assert 1 <= len(outline.answer_passages) <= 3
    wanted = [
        "Harvest",
        "What are the risks of kelp farming?",
        "What does it cost?",
        "Which rules apply to kelp farming?",
    ]
    assert wanted == [section.heading for section in outline.sections if section.heading in wanted]


async def test_no_passage_serves_two_places(make_context):
    outline = await structure_content(make_context(target_length=TargetLength.LONG))

    used = [p for section in outline.sections for p in section.passages]
    used += [outline.answer_passages[0], *(p for entry in outline.faq for p in entry.passages)]
    assert len(used) == len(set(used))


async def test_every_section_holds_at_least_two_sentences_and_what_has_none_is_dropped_with_a_reason(
    make_context,
):
    context = make_context()
    outline = await structure_content(context)

    index = {passage.id: passage for passage in context.need(PassageIndex).passages}
    assert all(sum(len(index[p].sentences) for p in s.passages) >= 2 for s in outline.sections)
    assert "no passage speaks of it" in {
        dropped.reason for dropped in outline.dropped if dropped.heading == "Outlook"
    }


async def test_page_furniture_and_repeated_text_reach_no_section(make_context, text_of):
    context = make_context()
    outline = await structure_content(context)

    texts = [text_of(context, p) for section in outline.sections for p in section.passages]
    assert not any("newsletter" in text for text in texts)
    assert sum("large brown" in text for text in texts) <= 1


async def test_passages_under_a_heading_about_costs_carry_the_section_on_costs(make_context, text_of):
    context = make_context()
    outline = await structure_content(context)

    cost = next(s for s in outline.sections if "cost" in s.heading)
    assert "40,000 euros" in " ".join(text_of(context, p) for p in cost.passages)


async def test_a_key_point_with_evidence_becomes_a_section_and_one_without_a_warning(make_context):
    outline = await structure_content(
        make_context(
            key_points=("Explain the harvest of kelp", "Quantum annealing of moon rocks"),
            target_length=TargetLength.SHORT,
        )
    )

    assert "Harvest of kelp" in [section.heading for section in outline.sections]
    assert [(w.code, w.where) for w in outline.warnings if w.code.startswith("key_point")] == [
        ("key_point_without_evidence", "Quantum annealing of moon rocks")
    ]


async def test_a_key_point_that_names_a_facet_prefers_that_facet(make_context):
    outline = await structure_content(
        make_context(key_points=("Costs",), content_type=ContentType.SOCIAL_MEDIA)
    )

    assert not [w for w in outline.warnings if w.where == "cost"] or outline.sections


@pytest.mark.parametrize("content_type", list(ContentType))
async def test_every_content_type_has_its_own_title_or_plan_and_its_word_budget(make_context, content_type):
    outline = await structure_content(
        make_context(content_type=content_type, target_length=TargetLength.SHORT)
    )

    expected = {ContentType.SOCIAL_MEDIA: (60, 200), ContentType.EMAIL_CAMPAIGN: (120, 350)}
    assert expected.get(content_type, (400, 700)) == (outline.min_words, outline.max_words)
    assert outline.sections
    assert outline.title.startswith("Kelp farming")


async def test_the_plans_of_content_types_differ_visibly(make_context):
    plans = set()
    for content_type in ContentType:
        outline = await structure_content(make_context(content_type=content_type))
        plans.add((outline.title, tuple(section.heading for section in outline.sections)))

    assert len(ContentType) == len(plans)


async def test_section_words_fit_the_length_asked_for(make_context):
    outline = await structure_content(make_context(target_length=TargetLength.SHORT))

    assert sum(section.target_words for section in outline.sections) <= outline.max_words
    assert len(outline.sections) <= 4


async def test_a_how_to_keeps_the_steps_in_the_order_of_the_source(make_context):
    outline = await structure_content(make_context(topic="How to start kelp farming", form="how_to"))

    headings = [section.heading for section in outline.sections]
    assert outline.template == "how_to"
    assert headings.index("Seeding the ropes") < headings.index("Harvest")


async def test_no_sources_give_an_empty_outline_and_a_warning(make_context):
    outline = await structure_content(make_context(documents=()))

    assert () == outline.sections == outline.answer_passages
    assert [warning.code for warning in outline.warnings] == ["thin_evidence"]


async def test_the_same_input_gives_the_same_bytes(make_context):
    first, second = [await structure_content(make_context()) for _ in range(2)]

    assert first.model_dump_json() == second.model_dump_json()


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Step 3: Choose A Container", "Choose a container"),
        ("2. Turn on MFA", "Turn on MFA"),
        ("What is it?", "What is it?"),
        ("Introduction", None),
        ("Why we love our product", None),
        ("The secret nobody tells you", None),
        ("COSTS AND LIMITS", "Costs and limits"),
        ("***", None),
        ("", None),
    ],
)
def test_headings_of_sources_are_cleaned_or_refused(raw, clean):
    assert clean == clean_heading(raw, Casing(["Turn on MFA for mail, and use MFA for banking."]))


@pytest.mark.parametrize(
    ("point", "heading"),
    [
        ("Explain how kelp grows", "How kelp grows"),
        ("Is it safe?", "Is it safe?"),
        ("Cost savings", "Cost savings"),
        (
            "Kelp stores carbon, which is why many coastal states pay for new farms in open water",
            "Kelp stores carbon",
        ),
    ],
)
def test_key_points_are_worded_as_headings(point, heading):
    assert heading == key_point_heading(point, Casing([]))


def test_the_call_to_action_depends_on_purpose_audience_and_tone():
    texts = {
        call_to_action(purpose, audience, tone)
        for purpose in ("generate leads", "newsletter sign-ups", "start a discussion")
        for audience in Audience
        for tone in (Tone.FORMAL, Tone.FRIENDLY, Tone.TECHNICAL)
    }

    assert len(texts) == 3 * 2 * 3
    assert call_to_action("educate", Audience.B2B, None) is None


async def test_without_a_purpose_the_closing_names_the_topic_and_suits_the_content_type(make_context):
    closings = {
        (await structure_content(make_context(content_type=kind, audience=audience))).call_to_action
        for kind in ContentType
        for audience in Audience
    }

    assert len(closings) == len(ContentType) * len(Audience)
    assert all("kelp farming" in text for text in closings if text)


async def test_a_comparison_that_no_source_makes_is_said_to_be_one(make_context):
    outline = await structure_content(make_context(topic="Kelp farming vs salmon farming"))

    warning = next(w for w in outline.warnings if w.code == "comparison_without_evidence")
    assert warning.where == "nothing on salmon farming"


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Can I claim interest?", "Can you claim interest?"),
        ("What should I do if I'm stung?", "What should you do if you are stung?"),
        ("Keeping it", None),
        ("What broke", None),
        ("Count before you treat", None),
        ("Who loses?", None),
        ("Time", None),
    ],
)
def test_headings_address_the_reader_and_stand_without_their_page(raw, clean):
    assert clean_heading(raw, Casing([])) == clean


async def test_a_topic_that_asks_for_one_facet_gets_it_first_and_answers_it(make_context):
    outline = await structure_content(make_context(topic="The risks of kelp farming"))

    assert "What are the risks of kelp farming?" == outline.answer_question == outline.sections[0].heading


async def test_a_facet_without_evidence_is_not_promised_by_the_answer(make_context):
    outline = await structure_content(make_context(topic="The future of kelp farming"))

    assert outline.answer_question == "What is kelp farming?"


async def test_beginners_are_told_what_to_do_before_the_rest(make_context):
    plain = await structure_content(make_context(audience=Audience.B2C))
    beginners = await structure_content(
        make_context(topic="Kelp farming for beginners", audience=Audience.B2C)
    )

    def place(outline):
        return [section.heading for section in outline.sections].index("Which rules apply to kelp farming?")

    assert place(beginners) < place(plain)


async def test_a_white_paper_on_how_to_do_something_keeps_the_steps_under_its_own_headings(make_context):
    outline = await structure_content(
        make_context(topic="How to start kelp farming", content_type=ContentType.WHITEPAPER)
    )

    headings = [section.heading for section in outline.sections]
    assert (outline.template, outline.title) == ("how_to", "How to start kelp farming: a white paper")
    assert headings.index("Harvest") < headings.index("Costs and resources")


async def test_titles_of_sources_divide_a_broad_topic_and_their_inner_headings_do_not(make_context):
    sides = [
        (
            title,
            f"""{name} are a part of ocean farming. Farmers grow {name} in clean bays.

            ## Tools of the trade
            Nets hold {name} in place. Divers look after {name} in every season.""",
        )
        for title, name in [
            ("Mussels on ropes", "Mussels"),
            ("Oysters in cages", "Oysters"),
            ("Sea urchins in tanks", "Urchins"),
        ]
    ]
    outline = await structure_content(make_context(topic="Ocean farming", documents=sides))

    headings = [section.heading for section in outline.sections]
    assert "Tools of the trade" not in headings
    assert {"Mussels on ropes", "Oysters in cages"} & set(headings)


async def test_a_comparison_asks_about_both_and_ends_with_the_choice(make_context):
    documents = [
        (
            "Kelp and nori",
            """
            Kelp is thicker than nori. Kelp keeps its taste in broth, whereas nori melts.

            ## Costs
            Kelp costs 8 euros a bag in most shops. Nori costs twice the price of kelp because it is pressed into sheets.

            ## When each makes sense
            Kelp suits broth and stews that cook for an hour. Nori is the better choice for rolls and for rice.
            """,
        ),
        (
            "Sea vegetables",
            "Cooks in Japan use kelp and nori every day. Nori is sold in sheets, kelp is sold in strips.",
        ),
    ]
    outline = await structure_content(make_context(topic="kelp vs nori", documents=documents))

    headings = [section.heading for section in outline.sections]
    assert (outline.template, outline.title) == ("comparison", "Kelp vs nori: how they compare")
    assert outline.answer_question == "How do kelp and nori differ?"
    assert headings[-2:] == ["What do they cost?", "When does each make sense?"]


async def test_myths_are_not_taken_for_facts(make_context, text_of):
    documents = [
        KELP_FACTS,
        ("Five kelp myths", "Kelp farming poisons the sea for ever. That is not true of kelp farming."),
    ]
    context = make_context(documents=documents)
    outline = await structure_content(context)

    used = [*outline.answer_passages, *(p for section in outline.sections for p in section.passages)]
    assert not any("poisons" in text_of(context, p) for p in used)


KELP_FACTS = (
    "Kelp farming",
    "Kelp farming is the practice of growing seaweed on ropes. Kelp farming needs no fresh water.",
)
