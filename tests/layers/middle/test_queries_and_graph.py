import pytest

from layers.bottom.artifacts import Keyword, PassageIndex, Question
from layers.middle.entities import Mentions
from layers.middle.queries import is_well_formed, optimize_queries
from layers.middle.relationships import find_gaps, map_relationships
from layers.middle.structure import structure_content
from layers.text.similarity import jaccard


async def test_every_query_names_passages_that_exist(make_context):
    context = make_context()
    plan = await optimize_queries(context)

    known = {passage.id for passage in context.need(PassageIndex).passages}
    assert {"conversational", "voice", "follow_up", "faq"} == {query.kind for query in plan.queries}
    assert all(query.passages and known.issuperset(query.passages) for query in plan.queries)


async def test_conversational_and_faq_questions_never_repeat_each_other(make_context):
    plan = await optimize_queries(make_context())

    asked = [query.text for query in plan.queries if query.kind in {"conversational", "faq"}]
    assert not [(a, b) for n, a in enumerate(asked) for b in asked[:n] if jaccard(a, b) > 0.6]
    assert "Are there limits for iodine?" in asked


async def test_the_outline_takes_faq_candidates_from_the_query_plan(make_context):
    context = make_context()
    plan = await optimize_queries(context)
    artifacts = {**context.artifacts, type(plan): plan}

    outline = await structure_content(type(context)(brief=context.brief, artifacts=artifacts))

    assert "Are there limits for iodine?" in [entry.question for entry in outline.faq]


@pytest.mark.parametrize(
    ("text", "keyword", "good"),
    [
        ("What is kelp farming?", "kelp farming", True),
        (
            "What is machine learning diagnosis support systems?",
            "machine learning diagnosis support systems",
            False,
        ),
        ("What is electric cars?", "electric cars", False),
        ("Tell me about kelp", "kelp", False),
        ("What role does a rope play in kelp?", "rope", False),
    ],
)
def test_questions_that_no_editor_would_print_are_refused(text, keyword, good):
    assert good is is_well_formed(Question(text=text, kind="what", keyword=keyword, passages=("P1",)))


async def test_relations_are_read_from_the_words_between_two_mentions(make_context):
    documents = [
        (
            "Kelp",
            "Kelp is a brown alga of cold water. Cooks know that kelp contains iodine in large amounts.",
        ),
        (
            "Law",
            "The Food Authority regulates iodine in every product. The Food Authority regulates iodine by law.",
        ),
    ]
    keywords = [
        Keyword(phrase=phrase, score=1.0, role="primary") for phrase in ("brown alga", "iodine", "moon dust")
    ]
    context = make_context(topic="Kelp", documents=documents, keywords=keywords)

    graph = await map_relationships(context)

    label = {node.id: node.label for node in graph.nodes}
    edges = {(label[e.source].lower(), e.relation, label[e.target].lower()) for e in graph.edges}
    assert {
        ("kelp", "is_a", "brown alga"),
        ("iodine", "part_of", "kelp"),
        ("food authority", "regulates", "iodine"),
    } <= edges
    assert next(node.kind for node in graph.nodes if node.label == "Food Authority") == "organisation"
    assert graph.gaps == ("moon dust",)


async def test_edges_and_nodes_show_passages_that_mention_them(make_context, text_of):
    context = make_context(keywords=[Keyword(phrase="ropes", score=1.0, role="primary")])
    graph = await map_relationships(context)

    for node in graph.nodes:
        assert all(node.label.lower() in text_of(context, p).lower() for p in node.passages)
    assert all(0 < edge.weight <= 1 and edge.passages for edge in graph.edges)


async def test_a_graph_of_nothing_is_empty(make_context):
    graph = await map_relationships(make_context(documents=(), search_keywords=("kelp",)))

    assert (graph.nodes, graph.edges, graph.gaps) == ((), (), ("kelp",))
    assert find_gaps([], []) == ()


@pytest.mark.parametrize("aliases", [{"adults": ""}, {"": "sleep"}, {"": ""}])
def test_a_topic_without_a_head_word_names_nothing(aliases):
    """A question such as "How much sleep do adults need?" has none; an empty label crashed the graph."""
    assert Mentions(["sleep"], aliases).find("Adults need sleep.") == [(12, 17, "sleep")]
