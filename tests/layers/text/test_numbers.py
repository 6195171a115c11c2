import pytest

from layers.text.numbers import codes, figures, names, reference_labels, reference_marks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Sales rose 12.5% to $3.2 billion in 2023, up from 1,200.",
            ("12.5%", "$3200000000", "2023", "1200"),
        ),
        ("Twenty-five percent of 3 million; one of them.", ("25%", "3000000")),
        ("10–20% of 5-10 million dollars in the 1990s", ("10%", "20%", "$5000000", "$10000000", "1990s")),
        ("COVID-19, B12, 5G and GPT-4 from 2019-2021", ("2019", "2021")),
        ("five-fold, 3x, two hundred, a million, twelve per cent", ("5x", "3x", "200", "1000000", "12%")),
        ("€5m, £3bn, US$40k and 30 euros", ("€5000000", "£3000000000", "$40000", "€30")),
        ("10km at 37.5°C, 0.50", ("10", "37.5", "0.5")),
        ("3. Boil 2 eggs [4], then 5 more [6, 7-9]", ("2", "5")),
        ("a score of responsive.2 and v1.2.3", ("2",)),
        ("OCT3/4 in 3/4 of 8 cells", ("3", "4", "8")),
        ("no figures here, someone said", ()),
    ],
)
def test_figures_have_one_normal_form(text, expected):
    assert expected == figures(text)


def test_names_are_capitalised_and_lose_what_only_stands_before_them():
    text = "In May the World Health Organization and Dr Jane Smith met. Machine learning helps. The Mayo Clinic's plan."
    assert names(text) == ("World Health Organization", "Jane Smith", "Mayo Clinic")


def test_marks_labels_and_numbered_names_are_told_from_figures():
    text = "[4] https://example.org/a\n\nThe 4IR and 5G grew by 10GB [2] and fell [3-5, 9].\n[7] Other"
    assert reference_marks(text) == ("4", "2", "3", "5", "9", "7")
    assert reference_labels(text) == {"4", "7"}
    assert codes(text) == ("4IR", "5G")
