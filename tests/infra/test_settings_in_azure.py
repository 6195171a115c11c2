"""The app accepts the settings that Azure would give it, in every profile."""

import pytest

from infra.checks.cases import CASES
from infra.checks.context import Context, load
from infra.checks.sources import Sources
from orchestration.settings import load_settings


@pytest.fixture(scope="module")
def context() -> Context:
    return load(Sources())


def as_the_platform_gives(settings: dict[str, str]) -> dict[str, str]:
    """Key Vault references are replaced by their secrets before the app sees them."""
    resolved = {n: "s" * 64 if v.startswith("@Microsoft.KeyVault(") else v for n, v in settings.items()}
    return {**resolved, "WEBSITE_SITE_NAME": "func", "WEBSITE_INSTANCE_ID": "1"}


@pytest.mark.parametrize("case", sorted(CASES))
def test_the_app_starts_with_the_settings_of_the_profile(case: str, context: Context) -> None:
    loaded = load_settings(as_the_platform_gives(context.settings(case)))
    assert ("entra" if case == "prod" else "apikey") == loaded.auth_mode
    assert loaded.tables_connection is None
    assert loaded.storage_table_uri
    assert loaded.storage_table_uri.startswith("https://std")
    assert loaded.service_bus_namespace
    assert loaded.service_bus_namespace.endswith(".servicebus.windows.net")
    assert (case != "dev") == loaded.has_llm
    assert loaded.max_delivery_count == 5


def test_a_custom_domain_is_the_base_of_all_links(context: Context) -> None:
    assert "https://content.example.com" == load_settings(context.settings("vnet")).api_url
