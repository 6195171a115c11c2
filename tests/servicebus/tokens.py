"""Shared access signatures made as the service's documentation describes, for raw clients."""

import base64
import hashlib
import hmac
from urllib.parse import quote_plus

from localcloud.servicebus.access import AccessKey


def sas_token(key: AccessKey, resource: str, expires_at: float) -> str:
    escaped, expiry = quote_plus(resource), str(int(expires_at))
    digest = hmac.new(key.secret.encode(), f"{escaped}\n{expiry}".encode(), hashlib.sha256).digest()
    signature = quote_plus(base64.b64encode(digest))
    return f"SharedAccessSignature sr={escaped}&sig={signature}&se={expiry}&skn={quote_plus(key.name)}"
