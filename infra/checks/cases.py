"""The deployments that are evaluated: every profile, with and without what can be left out, and the longest name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MAIN: Final = "infra/main.bicep"
_DEVELOPER: Final = "11111111-1111-4111-8111-111111111111"
_APP_REGISTRATION: Final = "22222222-2222-4222-8222-222222222222"

CASES: Final[Mapping[str, Mapping[str, Any]]] = {
    "dev": {
        "environmentName": "dev",
        "location": "northeurope",
        "profile": "dev",
        "principalId": _DEVELOPER,
    },
    "prod": {
        "environmentName": "prod",
        "location": "northeurope",
        "profile": "prod",
        "principalId": _DEVELOPER,
        "principalType": "ServicePrincipal",
        "entraClientId": _APP_REGISTRATION,
        "alertEmail": "operators@example.com",
        "internalTokenSecretUri": "https://vault.example.com/secrets/operator",
        "deployOpenAI": True,
    },
    "vnet": {
        "environmentName": "vnet-" + 35 * "x",
        "location": "northeurope",
        "profile": "vnet",
        "entraClientId": _APP_REGISTRATION,
        "authMode": "apikey",
        "publicUrl": "https://content.example.com",
        "deployOpenAI": True,
    },
}
"""By name: the parameters of ``main.bicep``. The name of the case is its profile."""
