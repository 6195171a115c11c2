"""PDFs: their text, and what no PDF can do to the process that asks for it."""

from datetime import date

import pytest

from layers.contract import StepError
from orchestration.adapters.library_files import FileLibrary
from orchestration.adapters.pdf_child import joined
from orchestration.adapters.pdf_text import MOST_BYTES, PdfReader
from tests.adapters.pdfs import pdf

FIRST = (
    "Kelp quarterly 1\nKelp farms grow kelp on ropes in cold water. Every farm exam-\nines its ropes in\n1"
)
SECOND = "Kelp quarterly 2\nspring and again in autumn. Farmers sell dried blades.\n2"
THIRD = "Kelp quarterly 3\nPrices fell in 2024.\n3"


def test_pages_become_running_text_without_heads_and_numbers():
    assert joined([FIRST, SECOND, THIRD]) == (
        "Kelp farms grow kelp on ropes in cold water. Every farm examines its ropes in\n"
        "spring and again in autumn. Farmers sell dried blades.\n\n"
        "Prices fell in 2024."
    )


async def test_a_pdf_gives_its_text_and_what_it_says_of_itself():
    found = await PdfReader().read(pdf(FIRST, SECOND, THIRD, title="Kelp", packed=True))

    assert "Every farm examines its ropes in\nspring and again in autumn." in found.text
    assert ("Kelp", "Ada Fischer", date(2026, 3, 1)) == (found.title, found.author, found.published)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<html>no pdf</html>", "does not begin"),
        (b"%PDF-1.7\n" + b"0" * MOST_BYTES, "larger than 8 MB"),
        (b"%PDF-1.7\n1 0 obj << /Type /Catalog", "damaged"),
        (pdf(""), "no text"),
    ],
)
async def test_what_has_no_text_to_give_is_refused_with_the_reason(data, reason):
    with pytest.raises(StepError, match=reason) as caught:
        await PdfReader().read(data)
    assert ("source_refused", False) == (caught.value.code, caught.value.retryable)


async def test_one_that_takes_too_long_is_stopped():
    with pytest.raises(StepError, match="takes longer"):
        await PdfReader(seconds=0.01).read(pdf(FIRST))


async def test_a_page_that_inflates_without_end_is_cut_or_refused():
    bomb = pdf("\n".join(["kelp " * 2000] * 400), packed=True)
    found = await PdfReader().read(bomb)

    assert len(found.text) <= 200_000


async def test_the_library_reads_pdfs_beside_texts_and_leaves_out_what_it_cannot_read(tmp_path):
    (tmp_path / "b.pdf").write_bytes(pdf(FIRST, SECOND, title="Kelp"))
    (tmp_path / "a.txt").write_text("Kelp grows.", encoding="utf-8")
    (tmp_path / "c.pdf").write_bytes(b"%PDF- broken")
    library = FileLibrary(tmp_path)

    first = await library.documents()
    (tmp_path / "a.txt").write_text("Kelp grows fast.", encoding="utf-8")
    second = await library.documents()

    assert [("a.txt", None), ("b.pdf", "Kelp")] == [(found.locator, found.title) for found in first]
    assert second[1] is first[1]
