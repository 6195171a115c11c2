"""Data folders, ports and connection strings of a stack."""

import socket
import stat
from pathlib import Path

import pytest

from localcloud.supervisor.endpoints import Endpoints
from localcloud.supervisor.folder import DataFolder, FolderInUseError
from localcloud.supervisor.options import StackOptions
from localcloud.supervisor.ports import PortClaims, PortInUseError, choose_ports
from localcloud.supervisor.specs import said_ready, stack_parts


@pytest.fixture
def claims(tmp_path):
    claims = PortClaims(tmp_path / "ports")
    yield claims
    claims.close()


def parts_of(data: Path, *, caller=None, **options):
    folder = DataFolder(data)
    folder.path.mkdir(exist_ok=True)
    ports = {"blob": 1, "table": 2, "servicebus": 3, "servicebus-stats": 4, "webpubsub": 5, "telemetry": 8}
    ports |= {"functions-1": 6, "functions-2": 7}
    options = StackOptions(repository=Path("/app"), data=data, **options)
    endpoints = Endpoints.of(ports, folder.keys())
    parts = stack_parts(options, ports=ports, keys=folder.keys(), endpoints=endpoints, caller=caller or {})
    return {part.name: part for part in parts}


def test_only_one_owner_at_a_time(tmp_path):
    folder = DataFolder(tmp_path)
    with folder.owned():
        assert folder.is_owned()
        with pytest.raises(FolderInUseError, match="already runs"), folder.owned():
            pass
    assert not folder.is_owned()


def test_keys_are_made_once_and_are_the_owners_alone(tmp_path):
    first = DataFolder(tmp_path).keys()
    assert DataFolder(tmp_path).keys() == first
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert len({first.service_bus, first.web_pubsub, first.internal_api_token}) == 3


def test_endpoints_hold_keys_and_are_the_owners_alone(tmp_path):
    folder = DataFolder(tmp_path)
    folder.write_endpoints({"api": "x"})
    assert stat.S_IMODE(folder.endpoints_file.stat().st_mode) == 0o600


def test_a_taken_port_is_passed_over(claims):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        assert not claims.claim(taken)
        ports = choose_ports(claims, instances=1, last={"blob": taken})
        assert taken not in ports.values()


def test_the_ports_of_the_last_run_come_first(claims):
    with socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
    assert choose_ports(claims, instances=1, last={"servicebus": free})["servicebus"] == free


def test_two_stacks_never_choose_the_same_port(tmp_path, claims):
    other = PortClaims(tmp_path / "ports")
    first = choose_ports(claims, instances=3, last={})
    second = choose_ports(other, instances=3, last=first)
    other.close()
    assert not set(first.values()) & set(second.values())
    assert first.keys() == second.keys() >= {"functions-1", "functions-2", "functions-3"}


def test_the_port_that_was_asked_for_or_none(claims):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"Port {taken} is in use"):
            choose_ports(claims, instances=1, last={}, api_port=taken)
    assert choose_ports(claims, instances=1, last={}, api_port=taken)["functions-1"] == taken


@pytest.mark.parametrize(
    "line", ["", "Listening on 5", "[]", "{}", '{"ready": false, "port": 5}', '{"ready": true}']
)
def test_other_output_is_no_ready_line(line):
    assert not said_ready(line, 5)


def test_every_runner_has_its_own_instance_id_and_port_on_one_broker(tmp_path):
    parts = parts_of(tmp_path, instances=2)
    commands = [parts[f"functions-{number}"].command for number in (1, 2)]
    options = [dict(zip(command[3::2], command[4::2], strict=True)) for command in commands]
    assert [found["--instance-id"] for found in options] == ["functions-1", "functions-2"]
    assert [found["--port"] for found in options] == ["6", "7"]
    settings = [parts[f"functions-{number}"].environment for number in (1, 2)]
    assert settings[0] == settings[1]


def test_a_setting_of_the_caller_wins(tmp_path):
    runner = parts_of(tmp_path, caller={"SWEEP_SCHEDULE": "0 * * * * *", "LLM_ENDPOINT": "http://x"})[
        "functions-1"
    ]
    assert runner.environment["SWEEP_SCHEDULE"] == "0 * * * * *"
    assert runner.environment["LLM_ENDPOINT"] == "http://x"
    assert runner.environment["CONTENT_ARCHITECT_API_URL"] == "http://127.0.0.1:6"


@pytest.mark.parametrize(("web", "providers"), [(False, "library"), (True, "library,wikipedia,crossref")])
def test_the_open_web_is_asked_only_when_wanted(tmp_path, web, providers):
    assert parts_of(tmp_path, web=web)["functions-1"].environment["RESEARCH_PROVIDERS"] == providers


def test_no_key_is_on_a_command_line(tmp_path):
    parts = parts_of(tmp_path)
    keys = DataFolder(tmp_path).keys()
    words = " ".join(word for part in parts.values() for word in part.command)
    assert keys.service_bus not in words
    assert keys.web_pubsub not in words


@pytest.mark.parametrize("in_memory", [True, False])
def test_azurite_keeps_data_where_it_is_told_to(tmp_path, in_memory):
    command = parts_of(tmp_path, in_memory=in_memory)["azurite"].command
    assert ("--inMemoryPersistence" in command) is in_memory
    assert (str(tmp_path / "azurite") in command) is not in_memory
