"""Readability against counts made by hand: mean error of the grade over thirty short texts.

Our own texts, divided by a person: ``|`` between the syllables of a word in careful speech, ``//`` between sentences.

python -m benchmarks.content.readability
"""

from __future__ import annotations

from benchmarks.report import report
from layers.text.readability import readability

TEXTS = (
    "The cat sat on the mat.",
    "We went home ear|ly. // The rain had just be|gun.",
    "Care|ful plan|ning saves mon|ey in ev|ery small proj|ect.",
    "E|lec|tric|i|ty pric|es in|creased a|gain last win|ter.",
    "D|r. Smith ar|rived at noon. // No|bod|y had ex|pect|ed him so.",
    "The tem|per|a|ture fell to thir|teen de|grees dur|ing the night.",
    "Stop. // Look at the road. // Then walk with care.",
    "In|ter|na|tion|al bod|ies pub|lished sev|er|al rec|om|men|da|tions yes|ter|day.",
    "Reg|u|lar ex|er|cise im|proves sleep. // Most a|dults need be|tween sev|en and nine hours.",
    "She asked wheth|er the old house had ev|er been sold.",
    "Pho|to|syn|the|sis turns sun|light in|to chem|i|cal en|er|gy.",
    "Bat|ter|ies store en|er|gy for the eve|ning. // Their cost has halved twice.",
    "A strong pass|word is long, u|nique and nev|er re|used.",
    "En|vi|ron|men|tal rules en|cour|age in|dus|tri|al in|no|va|tion.",
    "Bread needs flour, wa|ter, salt and time. // Good bread needs pa|tience.",
    "The com|mit|tee will meet at 9 a.|m. in the main hall.",
    "Re|li|a|ble ev|i|dence is more val|u|a|ble than a con|fi|dent o|pin|ion.",
    "Is the pa|tient breath|ing? // Call an am|bu|lance im|me|di|ate|ly!",
    "I think that we should take the bus if the train is late.",
    "En|gi|neers test|ed the bridge un|der ex|traor|di|nar|y con|di|tions.",
    "Bees vis|it flow|ers to gath|er nec|tar. // On the way they car|ry pol|len a|long.",
    "Li|brar|ies lend books, mu|sic and e|ven gar|den tools.",
    "Ar|ti|fi|cial in|tel|li|gence as|sists ra|di|ol|o|gists in man|y hos|pi|tals.",
    "The mu|se|um o|pened in A|pril. // Ad|mis|sion is free on Sun|days.",
    "Fish|er|men no|ticed that the lake had be|come warm|er ev|ery year.",
    "The teach|er's notes weren't eas|y to read at first.",
    "So|lar pan|els lose ef|fi|cien|cy in heat. // Air be|hind the mod|ules helps them re|cov|er.",
    "Keep your phone out of reach at night.",
    "The cit|y coun|cil con|sid|ered an al|ter|na|tive for pub|lic trans|por|ta|tion.",
    "Cof|fee beans lose fla|vour quick|ly. // Grind them just be|fore you brew.",
)


def main() -> None:
    errors = []
    off = {"sentences": 0, "words": 0, "syllables": 0}
    for text in TEXTS:
        found = readability(text.replace("|", "").replace(" //", ""))
        sentences = text.count("//") + 1
        words = len(text.replace("//", "").split())
        syllables = words + text.count("|")
        errors.append(abs(found.grade - (0.39 * words / sentences + 11.8 * syllables / words - 15.59)))
        off["sentences"] += abs(found.sentences - sentences)
        off["words"] += abs(found.words - words)
        off["syllables"] += abs(found.syllables - syllables)
    mean, worst = sum(errors) / len(errors), round(max(errors), 2)
    report("readability.grade.mean-error", mean, "grades", goal=0.5, texts=len(TEXTS), worst=worst, off=off)


if __name__ == "__main__":
    main()
