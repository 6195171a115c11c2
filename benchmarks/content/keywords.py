"""Key phrases against Inspec-500 (uncontrolled keys): micro-averaged F1 at 5 and 10, stems compared.

python -m benchmarks.content.keywords [path of the data folder]
"""

from __future__ import annotations

import tarfile
from pathlib import Path

from benchmarks.content.common import data_file
from benchmarks.report import report
from layers.text.phrases import key_phrases
from layers.text.words import stem

FLOORS = {5: (24.1, 25.0), 10: (31.5, 32.0)}


def main() -> None:
    path = data_file("inspec-test500.tar.gz")
    if path is None:
        return
    documents = read(path)
    predictions = [[" ".join(phrase.stems) for phrase in key_phrases(text, 15)] for text, _ in documents]
    for k, (floor, goal) in FLOORS.items():
        hits = sum(
            len(set(found[:k]) & keys) for found, (_, keys) in zip(predictions, documents, strict=True)
        )
        predicted = sum(len(found[:k]) for found in predictions)
        gold = sum(len(keys) for _, keys in documents)
        report(f"keywords.inspec500.f1@{k}", 200 * hits / (predicted + gold), "%", floor=floor, goal=goal)


def read(path: Path) -> list[tuple[str, set[str]]]:
    texts: dict[str, str] = {}
    keys: dict[str, set[str]] = {}
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            stream = archive.extractfile(member)
            name, _, kind = Path(member.name).name.partition(".")
            if stream is None or kind not in ("abstr", "uncontr"):
                continue
            content = stream.read().decode("utf-8", "replace")
            if kind == "abstr":
                title, _, body = content.partition("\n")
                texts[name] = f"{title.strip()}.\n\n{body}"
            else:
                keys[name] = {normal(key) for key in " ".join(content.split()).split(";") if key.strip()}
    return [(texts[name], keys[name]) for name in sorted(texts)]


def normal(key: str) -> str:
    return " ".join(stem(word) for word in key.lower().split())


if __name__ == "__main__":
    main()
