"""``./dev apikey``: the key that it prints opens the door."""

from __future__ import annotations

import asyncio

import pytest

from devtools import cli
from localcloud.supervisor.folder import DataFolder
from orchestration.access.apikeys import ApiKeyService
from orchestration.adapters.clock import SystemClock
from orchestration.connections import store_alone
from orchestration.identity import Caller, Role
from orchestration.settings import load_settings
from tests.orchestration.conftest import azurite  # noqa: F401 - the fixture

CREATE = ("apikey", "create", "--tenant", "acme", "--name", "the first")


def holder_of(key: str, storage: str) -> Caller:
    async def look() -> Caller:
        async with store_alone(load_settings({"CONTENT_STORAGE_CONNECTION_STRING": storage})) as store:
            return await ApiKeyService(store=store, clock=SystemClock()).caller(key)

    return asyncio.run(look())


def test_a_key_is_made_in_the_tables_of_the_running_stack(tmp_path, capsys, monkeypatch, azurite):  # noqa: F811
    monkeypatch.setattr(DataFolder, "read_endpoints", lambda _: {"storage": azurite})
    assert 0 == cli.main([*CREATE, "--data", str(tmp_path)])
    said = capsys.readouterr()
    caller = holder_of(said.out.strip(), azurite)
    assert ("acme", Role.ADMIN) == (caller.tenant, caller.role)
    assert said.out.strip().rpartition("_")[2] not in said.err


def test_a_key_is_made_in_the_tables_that_the_environment_names(capsys, monkeypatch, azurite):  # noqa: F811
    monkeypatch.setenv("CONTENT_STORAGE_CONNECTION_STRING", azurite)
    assert 0 == cli.main([*CREATE, "--role", "viewer", "--days", "1", "--from-environment"])
    assert Role.VIEWER is holder_of(capsys.readouterr().out.strip(), azurite).role


def test_without_a_stack_the_way_on_is_named(tmp_path, capsys):
    assert 3 == cli.main([*CREATE, "--data", str(tmp_path)])
    assert "./dev up" in capsys.readouterr().err


def test_without_storage_in_the_environment_the_settings_are_named(capsys, monkeypatch):
    for name in ("CONTENT_STORAGE_CONNECTION_STRING", "CONTENT_STORAGE__tableServiceUri"):
        monkeypatch.delenv(name, raising=False)
    assert 1 == cli.main([*CREATE, "--from-environment"])
    assert "CONTENT_STORAGE_CONNECTION_STRING" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"), [("--tenant", "a/b"), ("--role", "root"), ("--days", "0"), ("--name", "")]
)
def test_a_wrong_option_is_named(option, value, tmp_path, capsys):
    assert 2 == cli.main([*CREATE, option, value, "--data", str(tmp_path)])
    assert option.strip("-")[:4] in capsys.readouterr().err.replace("expiresInDays", "days")
