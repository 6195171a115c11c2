"""The script that makes the Entra application asks Azure for the right things, told by a stand-in for ``az``."""

import json
import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "infra" / "hooks" / "app-registration.sh"
CLIENT, SERVICE, ME, ADMIN = "client-1", "service-1", "me-1", "role-admin"

AZ = r"""#!/bin/sh
printf '%s\0' "$@" END >> "$AZ_CALLS"
case "$1 $2 $3" in
    "ad app list") echo "$AZ_EXISTING" ;;
    "ad app create") echo client-1 ;;
    "ad sp create") echo service-1 ;;
    "ad signed-in-user show") echo me-1 ;;
    "ad sp show") echo role-admin ;;
esac
"""


def run(folder: Path, existing: str = "") -> tuple[subprocess.CompletedProcess[str], list[list[str]]]:
    az, calls = folder / "az", folder / "calls"
    az.write_text(AZ)
    az.chmod(0o755)
    calls.touch()
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", str(SCRIPT), "My App"],
        env={**os.environ, "PATH": path, "AZ_CALLS": str(calls), "AZ_EXISTING": existing},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done, [call.split("\0") for call in calls.read_text().split("\0END\0") if call]


def option(call: list[str], name: str) -> str:
    return call[call.index(name) + 1]


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[subprocess.CompletedProcess[str], list[list[str]]]:
    return run(tmp_path_factory.mktemp("az"))


def test_it_says_what_to_do_next(made: tuple[subprocess.CompletedProcess[str], list[list[str]]]) -> None:
    done, _ = made
    assert (0, "") == (done.returncode, done.stderr)
    assert f"azd env set ENTRA_CLIENT_ID {CLIENT}" in done.stdout


def test_the_application_has_the_roles_and_no_secret(
    made: tuple[subprocess.CompletedProcess[str], list[list[str]]],
) -> None:
    _, calls = made
    create = next(call for call in calls if call[:3] == ["ad", "app", "create"])
    roles = json.loads(Path(option(create, "--app-roles").removeprefix("@")).read_text())
    assert {"viewer", "submitter", "operator", "admin"} == {role["value"] for role in roles}
    assert not [call for call in calls if "credential" in call]


def test_tokens_are_of_version_2_and_people_may_ask_for_them(
    made: tuple[subprocess.CompletedProcess[str], list[list[str]]],
) -> None:
    _, calls = made
    bodies = [json.loads(option(call, "--body")) for call in calls if call[0] == "rest"]
    api, allowed, granted = bodies
    [scope] = api["api"]["oauth2PermissionScopes"]
    assert (2, "user_impersonation") == (api["api"]["requestedAccessTokenVersion"], scope["value"])
    assert [scope["id"]] == allowed["api"]["preAuthorizedApplications"][0]["delegatedPermissionIds"]
    assert {"principalId": ME, "resourceId": SERVICE, "appRoleId": ADMIN} == granted


def test_an_application_that_is_there_is_not_made_twice(tmp_path: Path) -> None:
    done, calls = run(tmp_path, existing="client-0")
    assert (1, 1) == (done.returncode, len(calls))
    assert "azd env set ENTRA_CLIENT_ID client-0" in done.stderr
