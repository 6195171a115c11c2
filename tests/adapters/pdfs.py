"""PDF files for tests, written by hand: one string of lines for each page."""

import zlib


def pdf(*pages, title="", packed=False):
    """The bytes of a PDF with these pages; ``packed`` compresses their content."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>")
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for number, page in enumerate(pages):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(_stream(_drawn(page), packed=packed))
    objects.append(f"<< /Title ({title}) /Author (Ada Fischer) /CreationDate (D:20260301120000Z) >>")
    return _file(objects)


def _drawn(page):
    lines = "".join(f"({line}) Tj T* " for line in page.splitlines())
    return f"BT /F1 11 Tf 14 TL 60 740 Td {lines}ET".encode("latin-1")


def _stream(content, *, packed):
    data = zlib.compress(content) if packed else content
    filtered = " /Filter /FlateDecode" if packed else ""
    return f"<< /Length {len(data)}{filtered} >>\nstream\n".encode() + data + b"\nendstream"


def _file(objects):
    out = b"%PDF-1.4\n"
    offsets = []
    for number, value in enumerate(objects, 1):
        offsets.append(len(out))
        body = value if isinstance(value, bytes) else value.encode("latin-1")
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R /Info {size - 1} 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + f"xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}".encode()
