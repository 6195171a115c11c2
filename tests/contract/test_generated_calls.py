"""Calls made from the OpenAPI document, right ones and wrong ones: no 5xx, no answer outside the contract.

The share of every run is small and always the same; ``./dev test --full`` makes thousands.
"""

import asyncio
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import schemathesis
from anyio.from_thread import BlockingPortal
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.python.asgi import _get_portal

from orchestration.access.apikeys import KeyRequest
from orchestration.identity import Caller, Role
from orchestration.openapi import operation_id
from orchestration.routes import ROUTES
from orchestration.service import Origin
from tests.contract.asgi import ApiOverAsgi
from tests.orchestration.contract import FAKE_PACKAGE, contract, documented
from tests.orchestration.support import World

CASES, MANY = 4, 40
LEFT_OUT = {
    "positive_data_acceptance": "the document cannot say all rules: fields that go together, addresses, what exists",
    "negative_data_rejection": "values are read generously: '5' is 5, 'yes' is true, an empty query value is none",
    "use_after_free": "for chains of calls; what a deleted job answers is tested in test_reruns.py",
    "ensure_resource_availability": "for chains of calls; every created thing is read back in its own tests",
    "object_level_authorization": "needs two callers; the two-tenant property test covers every route",
}
"""Checks of the library that are not asked, each with its reason."""
APP = ApiOverAsgi()
NAMES = {operation_id(name): name for name in ROUTES}


@cache
def operations() -> dict[str, Any]:
    """The operations by route name. Results are of fake steps here; real ones are held to the contract elsewhere."""
    document = contract()
    schemas = {**document["components"]["schemas"], "ResultPackage": FAKE_PACKAGE}
    document = {**document, "components": {**document["components"], "schemas": schemas}}
    schema = schemathesis.openapi.from_dict(document)
    schema.app = APP
    return {NAMES[each.ok().definition.raw["operationId"]]: each.ok() for each in schema.get_all_operations()}


def can_be_wrong(name: str) -> bool:
    """Whether there is anything in a call that could be wrong."""
    described = documented(name)
    kinds = {parameter["in"] for parameter in described.get("parameters", [])}
    return bool(kinds & {"query", "path"}) or "requestBody" in described


def checks() -> list[Any]:
    return [check for check in CHECKS.get_all() if check.__name__ not in LEFT_OUT]


class Served:
    """A service in memory with a job in each status, and a key that opens everything."""

    def __init__(self, portal: BlockingPortal) -> None:
        self.world = World(environment={"AUTH_MODE": "apikey", "INTERNAL_API_TOKEN": "s3cret"})
        self.ids: list[str] = []
        self.key = ""
        portal.call(self._fill)

    async def _fill(self) -> None:
        world = self.world
        tenant = await self._issue()
        for number in range(4):
            job = (
                await world.submit(origin=Origin(tenant=tenant, key=f"job-{number}"), topic=f"Topic {number}")
            ).job
            self.ids.append(job.job_id)
            if number == 0:
                await world.work()
            if number == 1:
                await world.app.service.cancel(tenant, job.job_id)
        await asyncio.sleep(0)

    async def _issue(self) -> str:
        owner = Caller(tenant="acme", subject="test", role=Role.ADMIN)
        keys = self.world.app.api.controller.keys
        _, self.key = await keys.issue(owner, KeyRequest(name="test", role=Role.ADMIN))
        return owner.tenant


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    return _get_portal()


@pytest.fixture
def served(portal: BlockingPortal) -> Served:
    return Served(portal)


def run(served: Served, name: str, mode: GenerationMode, count: int) -> int:
    """Make that many calls of an operation; the number made."""
    operation = operations()[name]
    APP.api = served.world.app.api
    made = 0

    @seed(20261122)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), choose=st.data())
    def call(case: schemathesis.Case, choose: st.DataObject) -> None:
        nonlocal made
        made += 1
        known = choose.draw(st.sampled_from([*served.ids, None]))
        if known and "jobId" in (case.path_parameters or {}):
            case.path_parameters["jobId"] = known
        response = case.call(headers={"Authorization": f"Bearer {served.key}"})
        case.validate_response(response, checks=checks())

    call()
    return made


RIGHT, WRONG = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
CALLS = [
    *((name, RIGHT) for name in sorted(ROUTES)),
    *((name, WRONG) for name in sorted(ROUTES) if can_be_wrong(name)),
]


@pytest.mark.parametrize(("name", "mode"), CALLS, ids=[f"{name}-{mode.value}" for name, mode in CALLS])
def test_generated_calls_are_answered_as_the_contract_says(
    served: Served, name: str, mode: GenerationMode
) -> None:
    assert run(served, name, mode, CASES) > 0


@pytest.mark.long
def test_thousands_of_generated_calls_are_answered_as_the_contract_says(portal: BlockingPortal) -> None:
    made = sum(run(Served(portal), name, mode, MANY) for name, mode in CALLS)
    assert made >= 2000


def test_checks_that_are_left_out_are_real_ones_and_have_their_reason() -> None:
    assert set(LEFT_OUT) < set(CHECKS.get_all_names())
    assert all(LEFT_OUT.values())
