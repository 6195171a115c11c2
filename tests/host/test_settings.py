"""App settings, connections and host.json."""

import json

import pytest
from azure.identity import CredentialUnavailableError

from localcloud.host.config import (
    ClientRetryOptions,
    HostConfig,
    ServiceBusOptions,
    host_config_warnings,
    parse_host_config,
    read_host_config,
)
from localcloud.host.connections import ServiceBusConnection, open_client, resolve_connection
from localcloud.host.errors import ConfigurationError, FunctionInError
from localcloud.host.receiving import Entity
from localcloud.host.servicebus_listener import ListenerOptions, ServiceBusListener
from localcloud.host.servicebus_receiver import SdkReceiver
from localcloud.host.settings import AppSettings, LocalSettings, read_local_settings
from localcloud.host.timespan import format_timespan, parse_timespan
from tests.host.support import ManualClock


async def test_case_36_the_environment_wins_over_local_settings_and_is_restored(serve, monkeypatch, caplog):
    monkeypatch.setenv("HOST_TEST_BOTH", "environment")
    source = """
        @app.route(route="f")
        def f(req: func.HttpRequest) -> str:
            return ",".join(os.environ.get(name, "-") for name in ("HOST_TEST_BOTH", "HOST_TEST_FILE", "WEBSITE_INSTANCE_ID"))
    """
    values = {"HOST_TEST_BOTH": "file", "HOST_TEST_FILE": "file"}
    app = await serve(source, local_settings={"Values": values}, options={"instance_id": "i1"})
    assert await app.get("/api/f") == (200, "environment,file,i1")
    assert "Skipping 'HOST_TEST_BOTH' from local settings as it's already defined" in caplog.text
    await app.host.stop()
    settings = AppSettings()
    assert [settings.get("HOST_TEST_FILE"), settings.get("WEBSITE_INSTANCE_ID")] == [None, None]


@pytest.mark.parametrize("text", ["[]", "{", '{"Values": []}', '{"IsEncrypted": true, "Values": {}}'])
def test_settings_files_that_cannot_be_used(tmp_path, text):
    path = tmp_path / "local.settings.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError):
        read_local_settings(path)


def test_settings_that_are_no_text_are_written_as_json(tmp_path):
    path = tmp_path / "s.json"
    path.write_text(json.dumps({"Values": {"a": 1, "b": True}, "Host": {"CORS": "http://a, http://b"}}))
    expected = LocalSettings(values={"a": "1", "b": "true"}, cors=("http://a", "http://b"))
    assert expected == read_local_settings(path)


def test_references_are_replaced_or_refused():
    settings = AppSettings({"A": "x", "EMPTY": ""})
    assert settings.resolve("q-%A%-%A%") == "q-x-x"
    for text in ("%B%", "%EMPTY%"):
        with pytest.raises(FunctionInError, match="does not resolve to a value"):
            settings.resolve(text)


@pytest.mark.parametrize(
    ("value", "disabled"),
    [("true", True), ("True", True), ("1", True), ("false", False), ("", False), ("yes", False)],
)
def test_case_42_the_disabled_setting(value, disabled):
    assert disabled == AppSettings({"AzureWebJobs.F.Disabled": value}).is_disabled("F")
    assert disabled == AppSettings({"AzureWebJobs_F_Disabled": value}).is_disabled("F")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (
            {"SB": "Endpoint=1", "SB__fullyQualifiedNamespace": "ns"},
            ServiceBusConnection(connection_string="Endpoint=1"),
        ),
        ({"AzureWebJobsSB": "Endpoint=2"}, ServiceBusConnection(connection_string="Endpoint=2")),
        ({"SB__fullyQualifiedNamespace": "ns"}, ServiceBusConnection(namespace="ns")),
        (
            {"SB__fullyQualifiedNamespace": "ns", "SB__credential": "managedidentity", "SB__clientId": "me"},
            ServiceBusConnection(namespace="ns", managed_identity=True, client_id="me"),
        ),
    ],
)
def test_case_37_a_connection_is_a_string_or_an_identity(environment, expected):
    assert expected == resolve_connection(AppSettings(environment), "SB")


def test_a_connection_that_does_not_exist_is_an_error_of_its_function():
    with pytest.raises(FunctionInError, match="connection string 'SB' does not exist"):
        resolve_connection(AppSettings({}), "SB")


@pytest.mark.parametrize("managed", [True, False])
async def test_an_identity_needs_no_secret_to_make_a_client(managed):
    connection = ServiceBusConnection(namespace="ns.example", managed_identity=managed, client_id="me")
    client = open_client(connection)
    assert client.client.fully_qualified_namespace == "ns.example"
    await client.close()


class NoIdentity:
    """What the chain of credentials does on a machine where nobody is logged in."""

    closed = False

    async def get_token(self, *scopes):
        raise CredentialUnavailableError(f"no account for {scopes[0]}")

    async def close(self):
        self.closed = True


async def test_case_37_without_an_identity_on_the_machine_the_listener_says_what_to_do(caplog):
    credential = NoIdentity()
    client = open_client(ServiceBusConnection(namespace="ns.example"), credential)
    options = ListenerOptions(
        function="f", entity="q", concurrency=1, batch_size=0, binary=False,
        auto_complete=True, max_lock_renewal_s=1.0, retry=ClientRetryOptions(),
    )  # fmt: skip

    async def never(call):
        raise AssertionError(call)

    listener = ServiceBusListener(
        options,
        new_receiver=lambda: SdkReceiver(client, Entity(queue="q"), prefetch=0),
        run=never,
        clock=ManualClock(),
    )
    listener.start()
    await listener.ready()
    assert "This machine has no identity for 'ns.example'. Log in with 'az login'" in caplog.text
    assert "no account for https://servicebus.azure.net/.default" in caplog.text
    await listener.close()
    await client.close()
    assert credential.closed


def test_a_malformed_connection_string_is_an_error_of_its_function():
    with pytest.raises(FunctionInError, match="connection string cannot be used"):
        open_client(ServiceBusConnection(connection_string="nonsense"))


def test_case_28_host_json_values_and_defaults():
    config = parse_host_config(
        {
            "functionTimeout": "00:05:00",
            "extensions": {
                "http": {"routePrefix": "/x/"},
                "serviceBus": {
                    "maxConcurrentCalls": 4,
                    "prefetchCount": 2,
                    "maxAutoLockRenewalDuration": "00:10:00",
                },
            },
        }
    )
    bus = config.service_bus
    assert (
        config.route_prefix, config.function_timeout_s, bus.max_concurrent_calls, bus.prefetch_count, bus.max_lock_renewal_s
    ) == ("x", 300.0, 4, 2, 600.0)  # fmt: skip
    assert parse_host_config({"functionTimeout": "-1"}).function_timeout_s is None
    assert HostConfig() == parse_host_config({})
    assert ServiceBusOptions().max_concurrent_calls % 16 == 0


@pytest.mark.parametrize(
    "content",
    [
        {"functionTimeout": "5 minutes"},
        {"functionTimeout": "00:00:00"},
        {"extensions": {"serviceBus": {"maxConcurrentCalls": 0}}},
    ],
)
def test_host_json_values_that_cannot_be_used(content):
    with pytest.raises(ConfigurationError):
        parse_host_config(content)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"version": "1.0"}'])
def test_a_host_json_that_is_none(tmp_path, text):
    (tmp_path / "host.json").write_text(text)
    with pytest.raises(ConfigurationError):
        read_host_config(tmp_path)


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        ({"functionTimout": "x"}, "unknown key 'functionTimout'"),
        (
            {"extensions": {"serviceBus": {"maxConcurentCalls": 1}}},
            "unknown key 'extensions.serviceBus.maxConcurentCalls'",
        ),
        ({"extensions": {"serviceBus": {}}}, "shorter than functionTimeout"),
        (
            {"functionTimeout": "-1", "extensions": {"serviceBus": {}}},
            "shorter than functionTimeout (unbounded)",
        ),
        ({"concurrency": {"dynamicConcurrencyEnabled": True}}, "overrides maxConcurrentCalls"),
        ({"extensions": {"http": {"maxOutstandingRequests": 1}}}, "is not applied by this local host"),
    ],
)
def test_doubtful_host_json_entries_are_named(content, warning):
    assert any(warning in found for found in host_config_warnings(content, parse_host_config(content)))


def test_a_sound_host_json_has_no_warnings():
    safe = {
        "version": "2.0",
        "functionTimeout": "00:05:00",
        "extensions": {"serviceBus": {"maxAutoLockRenewalDuration": "00:05:00"}},
    }
    assert list(host_config_warnings(safe, parse_host_config(safe))) == []


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:00:00.80", 0.8), ("1.02:03:04", 93784.0), ("-00:01:00", -60.0)]
)
def test_time_spans(text, seconds):
    assert seconds == parse_timespan(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(2, "00:00:02"), (0.5, "00:00:00.5000000"), (93784, "1.02:03:04")]
)
def test_time_spans_are_written_back(seconds, text):
    assert text == format_timespan(seconds)
