from layers.text.words import is_stop_word, stem, stems, words


def test_hyphens_part_and_decimals_acronyms_and_thousands_stay_whole():
    assert words("AI-powered tools cut 3.5% of 1,200 U.S. visits") == [
        "ai", "powered", "tools", "cut", "3.5", "of", "1200", "u.s", "visits",
    ]  # fmt: skip


def test_possessives_lose_their_ending_and_contractions_keep_theirs():
    assert words("The patient’s doctors' notes don't say") == [
        "the",
        "patient",
        "doctors",
        "notes",
        "don't",
        "say",
    ]


def test_words_that_carry_a_subject_are_never_stop_words():
    assert not any(map(is_stop_word, ["AI", "system", "research", "computer", "information", "test"]))
    assert is_stop_word("The")
    assert is_stop_word("Don’t")


def test_inflected_forms_share_a_stem():
    assert stem("connected") == stem("connection") == "connect"
    assert stems("How are hospitals using it?") == ["hospit"]
    assert stems("How are", keep_stop_words=True) == ["how", "are"]
