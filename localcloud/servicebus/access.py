"""Shared access signatures: the proof of identity that Service Bus clients put into their tokens.

A token reads `SharedAccessSignature sr=<resource>&sig=<signature>&se=<expiry>&skn=<key name>`; the signature is the
HMAC-SHA256, keyed with the key's text, of resource and expiry as they stand in the token, joined by a line feed.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import unquote, unquote_plus, urlsplit

_PREFIX = "SharedAccessSignature "


class AccessDeniedError(Exception):
    """The token or key does not allow what the client wants; the text is for the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a valid token allows: entities at or below `path`, until `expires_at` (seconds since the Unix epoch)."""

    path: str
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """The one key of the local namespace; it allows everything."""

    name: str
    secret: str

    def matches(self, name: str, secret: str) -> bool:
        """Compares a name and a secret in constant time."""
        same_name = hmac.compare_digest(name.encode(), self.name.encode())
        return hmac.compare_digest(secret.encode(), self.secret.encode()) and same_name

    def verify(self, token: str, *, now: float) -> Grant:
        """Checks a token at `now` (seconds since the Unix epoch); raises `AccessDeniedError`."""
        if not token.startswith(_PREFIX):
            raise AccessDeniedError("The token is no shared access signature.")
        fields = dict(part.partition("=")[::2] for part in token.removeprefix(_PREFIX).split("&"))
        if not {"sr", "sig", "se", "skn"} <= fields.keys():
            raise AccessDeniedError("The token lacks one of sr, sig, se, skn.")
        if unquote_plus(fields["skn"]) != self.name:
            raise AccessDeniedError("The token names an unknown key.")
        signed = f"{fields['sr']}\n{fields['se']}".encode()
        expected = base64.b64encode(hmac.new(self.secret.encode(), signed, hashlib.sha256).digest())
        if not hmac.compare_digest(expected, unquote(fields["sig"]).encode()):
            raise AccessDeniedError("The signature of the token is wrong.")
        if not fields["se"].isdecimal() or int(fields["se"]) <= now:
            raise AccessDeniedError("The token has expired.")
        return Grant(path=entity_path(unquote(fields["sr"])), expires_at=int(fields["se"]))


def entity_path(address: str) -> str:
    """The path of an entity in lower case, from an address with or without scheme and host."""
    path = urlsplit(address).path if "://" in address else address
    return path.strip("/").lower()


def covers(granted: str, wanted: str) -> bool:
    """Whether a grant for one path allows another: the same one, one below it, or any when granted for the root."""
    return not granted or wanted == granted or wanted.startswith(granted + "/")
