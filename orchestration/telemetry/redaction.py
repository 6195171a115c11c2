"""What leaves the process as text: secrets masked, control characters escaped."""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "***"

_VALUE = r"[^\s\"',;&]+"
_SECRETS: Final = re.compile(
    # Headers, as text, as JSON or as the repr of a dictionary.
    rf"(?P<header>\b(?:authorization|x-functions-key|x-api-key|api-key|ocp-apim-subscription-key)\b[\"']?\s*[:=]\s*[\"']?)"
    rf"(?:(?:bearer|basic|sharedaccesssignature)\s+)?{_VALUE}"
    # Query parameters and fields of connection strings.
    rf"|(?P<field>\b(?:code|sig|access_token|accountkey|accesskey|sharedaccesskey|sharedaccesssignature|password)=){_VALUE}"
    # Values that show by themselves what they are: callback secrets, API keys, bearer tokens, JSON Web Tokens.
    rf"|(?P<prefix>\bwhsec_|\bca_[0-9a-f]{{32}}_|\bbearer\s+){_VALUE}"
    r"|\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*",
    re.IGNORECASE,
)
_ESCAPES: Final = {
    number: f"\\x{number:02x}" for number in (*range(0x20), *range(0x7F, 0xA0)) if number not in (9, 10, 13)
} | {9: "\\t", 10: "\\n", 13: "\\r", 0x2028: "\\u2028", 0x2029: "\\u2029"}
_LINES: Final = {number: escape for number, escape in _ESCAPES.items() if number not in (9, 10)}


def masked(text: str) -> str:
    """The text with the values of secrets replaced by asterisks; what names them stays."""
    return _SECRETS.sub(_mask, text)


def _mask(match: re.Match[str]) -> str:
    return f"{match['header'] or match['field'] or match['prefix'] or ''}{MASK}"


def clean(text: str) -> str:
    """One line without secrets: nobody can forge a record or move a terminal's cursor with it."""
    return masked(text).translate(_ESCAPES)


def clean_lines(text: str) -> str:
    """The same for text of several lines, which stay lines."""
    return masked(text).translate(_LINES)
