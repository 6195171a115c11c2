"""A folder of own material as sources of a request."""

from pathlib import Path

import pytest

from devtools.generate.outputs import count_citations, library_subjects, slug
from devtools.generate.sources import SourcesError, check_size, read_sources, title_of
from tests.adapters.pdfs import pdf


def folder_of(path: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        file = path / name.replace("__", "/").replace("_dot_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_files_are_read_from_all_levels_in_the_order_of_their_paths(tmp_path):
    folder_of(
        tmp_path,
        b_dot_txt="plain",
        deep__a_dot_html="<title>A &amp; B</title>",
        c_dot_docx="x",
        _dot_git__d_dot_md="x",
    )
    assert read_sources(tmp_path) == [
        {"title": "b", "text": "plain"},
        {"title": "A & B", "text": "<title>A &amp; B</title>"},
    ]


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("x.md", "---\ntitle: 'Solar power'\nsubject: energy\n---\n# Other", "Solar power"),
        ("x.md", "Intro\n\n## The *grid* ##\n", "The *grid*"),
        ("x.md", "no heading", "x"),
        ("x.html", "<TITLE>\n Two\n lines </TITLE>", "Two lines"),
        ("x.html", "<h1 class=a>Big <b>news</b></h1>", "Big news"),
        ("x.html", "<title> </title><h1>Fallback</h1>", "Fallback"),
        ("wind_and-sun.txt", "# not markdown", "wind and sun"),
        ("x.MD", "# Upper", "Upper"),
    ],
)
def test_the_title_comes_from_the_text_else_from_the_name(name, text, title):
    assert title_of(Path(name), text) == title


def test_old_encodings_and_byte_order_marks_are_read(tmp_path):
    folder_of(tmp_path, a_dot_txt="\ufeffcafé", b_dot_txt="café".encode("cp1252"))
    assert [source["text"] for source in read_sources(tmp_path)] == ["café", "café"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no .md, .txt, .html or .pdf file with text"),
        ({"a_dot_txt": " \n"}, "no .md, .txt, .html or .pdf file with text"),
        ({"a_dot_txt": b"\x89PNG\0\0"}, "a.txt is not a text file"),
    ],
)
def test_a_folder_without_usable_text_is_refused(tmp_path, files, message):
    with pytest.raises(SourcesError, match=message):
        read_sources(folder_of(tmp_path, **files))


def test_a_file_in_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "a.md").write_text("x")
    with pytest.raises(SourcesError, match=r"a\.md is a file, not a folder"):
        read_sources(tmp_path / "a.md")


def test_too_much_material_is_refused_with_its_largest_files():
    sources = [{"title": "Small", "text": "x"}, {"title": "Huge", "text": "x" * 2**20}]
    with pytest.raises(SourcesError, match=r"1\.9 MB.*at most 1 MB.*2 files: Huge \(1024 KB\)"):
        check_size(b"x" * 2_000_000, sources)


@pytest.mark.parametrize(
    ("text", "name"),
    [("AI: what's new?", "ai-what-s-new"), ("../../etc", "etc"), ("日本", "article"), ("a" * 99, "a" * 80)],
)
def test_file_names_are_plain(text, name):
    assert slug(text) == name


def test_a_package_without_an_article_cites_nothing():
    assert count_citations({"article": None, "evidence": [{"id": "E1", "source": "S1"}]}) == (0, 0)


def test_the_subjects_of_the_library_are_read_from_its_documents(tmp_path):
    folder_of(
        tmp_path,
        a_dot_md="---\ntitle: A\nsubject: Energy\n---\n",
        b_dot_md="---\nsubject: AI\n---\n",
        README_dot_md="# no",
    )
    assert library_subjects(tmp_path) == ["AI", "Energy"]


def test_a_pdf_is_read_as_its_text_and_a_broken_one_is_named(tmp_path):
    (tmp_path / "kelp.pdf").write_bytes(pdf("Kelp farms grow kelp on ropes in cold water."))
    assert [{"title": "kelp", "text": "Kelp farms grow kelp on ropes in cold water."}] == read_sources(
        tmp_path
    )

    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    with pytest.raises(SourcesError, match=r"broken\.pdf cannot be read: it is damaged"):
        read_sources(tmp_path)
