import pytest

from layers.contract import StepError
from orchestration.adapters.library_files import FileLibrary


async def test_documents_come_in_the_order_of_their_paths_with_their_types(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.md").write_text("# B")
    (tmp_path / "sub" / "a.HTML").write_text("<p>A</p>")
    (tmp_path / "c.txt").write_text("C")
    for ignored in ("README.md", "x.pdf", ".hidden.md"):
        (tmp_path / ignored).write_text("no")
    found = await FileLibrary(tmp_path).documents()
    assert [(d.locator, d.media_type) for d in found] == [
        ("b.md", "text/markdown"), ("c.txt", "text/plain"), ("sub/a.HTML", "text/html"),
    ]  # fmt: skip


async def test_the_fingerprint_follows_every_change_and_only_changes(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("one")
    library = FileLibrary(tmp_path)
    first = await library.documents()
    before = library.fingerprint
    assert await library.documents() is first
    path.write_text("three")
    assert (await library.documents())[0].text == "three"
    assert library.fingerprint != before


async def test_bytes_that_are_not_utf8_are_read_as_windows_text(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\x93Caf\xe9\x94 \x81")
    (tmp_path / "b.txt").write_bytes(b"\xef\xbb\xbfBom")
    assert [d.text for d in await FileLibrary(tmp_path).documents()] == ["“Café” �", "Bom"]


async def test_large_files_and_links_out_of_the_folder_are_left_out(tmp_path):
    outside = tmp_path / "secret.md"
    outside.write_text("secret")
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "link.md").symlink_to(outside)
    (folder / "gone.md").symlink_to(folder / "nothing.md")
    (folder / "large.txt").write_bytes(b"x" * (2 * 1024 * 1024 + 1))
    (folder / "good.md").write_text("good")
    assert [d.locator for d in await FileLibrary(folder).documents()] == ["good.md"]


async def test_a_folder_that_is_none_is_said_so(tmp_path):
    with pytest.raises(StepError) as caught:
        await FileLibrary(tmp_path / "none").documents()
    assert caught.value.code == "library_unreadable"
