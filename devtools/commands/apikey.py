"""Make the first API key of a tenant; admins make the others through the API."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from devtools.commands.options import add_data_folder
from devtools.paths import shown
from localcloud.supervisor.folder import DataFolder

if TYPE_CHECKING:
    from orchestration.access.apikeys import KeyRequest
    from orchestration.settings import Settings

_BAD_USAGE = 2
_NOT_RUNNING = 3


def add_options(parser: argparse.ArgumentParser) -> None:
    """Whose key, for what, and where it is written."""
    parser.add_argument("action", metavar="ACTION", choices=("create",), help="create")
    parser.add_argument("--tenant", required=True, help="the tenant that the key acts for")
    parser.add_argument("--name", required=True, help="what the key is for, 1-100 characters")
    parser.add_argument(
        "--role", default="admin", help="viewer, submitter, operator or admin (default: admin)"
    )
    parser.add_argument("--days", type=int, default=365, help="how long it lives (1-3650, default: 365)")
    parser.add_argument(
        "--from-environment",
        action="store_true",
        help="write to the storage that CONTENT_STORAGE_CONNECTION_STRING or CONTENT_STORAGE__tableServiceUri "
        "names, instead of the local stack's",
    )
    add_data_folder(parser)


def run(options: argparse.Namespace) -> int:
    """The key is the only standard output. Exit code 2 for a wrong option, 3 when no stack runs, 1 else."""
    from orchestration.access.apikeys import parse_key_request
    from orchestration.errors import ContentArchitectError, InvalidRequest
    from orchestration.settings import TENANT

    if not TENANT.fullmatch(options.tenant):
        return _refuse("--tenant takes 1 to 64 letters, digits, _ and -", _BAD_USAGE)
    try:
        request = parse_key_request(
            {"name": options.name, "role": options.role, "expiresInDays": options.days}
        )
    except InvalidRequest as error:
        wrong = "; ".join(f"{field.pointer.strip('/')}: {field.detail}" for field in error.errors)
        return _refuse(wrong, _BAD_USAGE)
    try:
        settings = _settings(options)
        if settings is None:
            return _refuse(
                f"no stack runs in {shown(options.data)}: ./dev up --detach, or --from-environment",
                _NOT_RUNNING,
            )
        key_id, text = asyncio.run(_create(settings, options.tenant, request))
    except ContentArchitectError as error:
        return _refuse(str(error), 1)
    sys.stderr.write(f"Key {key_id}: {options.tenant}, {request.role}. It is shown this once.\n")
    print(text)
    return 0


def _settings(options: argparse.Namespace) -> Settings | None:
    """Where to write: the environment's storage, else that of the running stack; None when there is none."""
    from orchestration.settings import load_storage_settings

    if options.from_environment:
        return load_storage_settings()
    endpoints = DataFolder(options.data).read_endpoints()
    if endpoints is None:
        return None
    return load_storage_settings({"CONTENT_STORAGE_CONNECTION_STRING": endpoints["storage"]})


async def _create(settings: Settings, tenant: str, request: KeyRequest) -> tuple[str, str]:
    from orchestration.access.apikeys import ApiKeyService
    from orchestration.adapters.clock import SystemClock
    from orchestration.connections import store_alone
    from orchestration.identity import Caller, Role

    owner = Caller(tenant=tenant, subject="command", role=Role.ADMIN)
    async with store_alone(settings) as store:
        key, text = await ApiKeyService(store=store, clock=SystemClock()).issue(owner, request)
    return key.id, text


def _refuse(message: str, code: int) -> int:
    sys.stderr.write(f"./dev apikey: {message}\n")
    return code
