"""The table of cases names tests that exist, each case once."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "webpubsub-conformance.md"


def test_every_case_of_the_table_is_held_by_a_test() -> None:
    cases = re.findall(
        r"^\| (\d+) \| (.+) \| .+ \| `(\w+)` \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    files = [*TESTS.glob("webpubsub/test_*.py"), *TESTS.glob("realtime/test_*.py")]
    tests = {
        name for file in files for name in re.findall(r"def (test_\w+)", file.read_text(encoding="utf-8"))
    }
    assert [number for number, _, _ in cases] == [str(n) for n in range(1, len(cases) + 1)]
    assert len(cases) > 60
    assert set() == {test for _, _, test in cases} - tests
    assert len({what for _, what, _ in cases}) == len(cases)
