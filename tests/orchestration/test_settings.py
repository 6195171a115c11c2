"""Settings: documented by name, checked at the start, secrets never shown."""

import re
from pathlib import Path

import pytest

from orchestration.errors import ConfigurationError
from orchestration.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
SECRET = "Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=TOPSECRET"


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    table = page.split("Read by the host")[0]
    documented = set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE))
    assert documented == {str(field.alias) for field in Settings.model_fields.values()}


def test_without_an_environment_the_defaults_are_those_of_one_machine() -> None:
    settings = load_settings({})
    assert (settings.auth_mode, settings.job_max_retries, settings.job_timeout_minutes) == ("off", 3, 15)
    assert settings.tables_connection is None
    assert settings.instance_id


def test_an_empty_variable_counts_as_absent() -> None:
    assert load_settings({"JOB_MAX_RETRIES": "", "CONTENT_LIBRARY_DIR": ""}).job_max_retries == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JOB_MAX_RETRIES", "many"),
        ("JOB_MAX_RETRIES", "0"),
        ("JOB_TIMEOUT_MINUTES", "26"),
        ("AUTH_MODE", "maybe"),
        ("WEB_PUBSUB_HUB", "no spaces"),
        ("PRODUCER_DEFAULT_TENANT", "a/b"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not_repeated(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as caught:
        load_settings({name: value})
    assert f"'{value}'" not in str(caught.value)


def test_secrets_are_masked_wherever_settings_are_shown() -> None:
    settings = load_settings(
        {
            "AZURE_SERVICE_BUS_CONNECTION_STRING": SECRET,
            "CONTENT_STORAGE_CONNECTION_STRING": SECRET,
            "WEB_PUBSUB_CONNECTION_STRING": SECRET,
            "INTERNAL_API_TOKEN": SECRET,
            "AzureWebJobsStorage": SECRET,
        }
    )
    assert "TOPSECRET" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert settings.tables_connection == SECRET


def test_authentication_cannot_be_off_in_azure_and_is_on_by_default_there() -> None:
    directory = {"ENTRA_TENANT_ID": "11111111-2222-4333-8444-555555555555", "ENTRA_AUDIENCE": "api://app"}
    assert load_settings({"WEBSITE_SITE_NAME": "app", **directory}).auth_mode == "entra"
    with pytest.raises(ConfigurationError, match="AUTH_MODE=off"):
        load_settings({"WEBSITE_SITE_NAME": "app", "AUTH_MODE": "off"})


def test_our_own_storage_wins_over_the_hosts_and_an_identity_over_both() -> None:
    both = {"AzureWebJobsStorage": "host", "CONTENT_STORAGE_CONNECTION_STRING": "own"}
    assert load_settings({"AzureWebJobsStorage": "host"}).tables_connection == "host"
    assert load_settings(both).tables_connection == "own"
    identity = load_settings({**both, "CONTENT_STORAGE__tableServiceUri": "https://a.table.core.windows.net"})
    assert identity.tables_connection is None


def test_providers_are_a_list_in_order() -> None:
    assert load_settings({"RESEARCH_PROVIDERS": " library, crossref "}).providers == ("library", "crossref")


def test_keys_and_host_of_web_pubsub_come_from_whichever_setting_has_them() -> None:
    none = load_settings({})
    assert (none.web_pubsub_keys, none.web_pubsub_hosts) == ((), ())
    text = "endpoint=http://LOCALHOST:8080 ; AccessKey=abc== ;Version=1.0;"
    by_key = load_settings({"WEB_PUBSUB_CONNECTION_STRING": text})
    assert (by_key.web_pubsub_keys, by_key.web_pubsub_hosts) == (("abc==",), ("localhost",))
    by_identity = load_settings({"WEB_PUBSUB__endpoint": "https://name.webpubsub.azure.com"})
    assert (by_identity.web_pubsub_keys, by_identity.web_pubsub_hosts) == ((), ("name.webpubsub.azure.com",))


@pytest.mark.parametrize("name", ["WEB_PUBSUB_UPSTREAM_AUDIENCE", "WEB_PUBSUB_UPSTREAM_PRINCIPAL"])
def test_an_audience_without_a_principal_would_let_every_identity_in(name: str) -> None:
    with pytest.raises(ConfigurationError, match="go together"):
        load_settings({name: "x"})
