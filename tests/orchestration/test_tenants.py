"""Nothing crosses from one tenant to another: not in an answer, a listing, a socket, a callback or a row."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.routes import ROUTES
from tests.orchestration.support import body_of
from tests.orchestration.two_tenants import PROBES, TENANTS, TIMES, Installation, Operation, alone, together

SETUP = [
    *(Operation(tenant=0, route="workflow_create", number=number) for number in range(3)),
    *(Operation(tenant=0, route="generate", number=number, variant=1) for number in range(3)),
    Operation(tenant=0, route="work"),
    Operation(tenant=0, route="apikey_create"),
    Operation(tenant=0, route="generate", number=3, variant=2),
    Operation(tenant=0, route="webhooks_rotate"),
    Operation(tenant=0, route="jobs"),
    Operation(tenant=0, route="audit"),
    Operation(tenant=1, route="generate", number=0, variant=1),
    Operation(tenant=1, route="workflow_create", number=0),
]
"""The first tenant has one of everything, the second a little of its own."""

READ_BACK = [
    *(
        Operation(tenant=0, route=route, number=number)
        for route in ("job", "job_events", "job_deliveries", "job_result", "workflow")
        for number in range(4)
    ),
    *(
        Operation(tenant=0, route=route, variant=variant)
        for route in ("jobs", "workflows", "apikeys", "dead_letters", "audit", "jobs_statistics")
        for variant in (0, 2)
    ),
]


def sent_to(installation: Installation, tenant: int) -> list[object]:
    """Callbacks to the tenant's hosts; those of a test call go wherever the tenant says."""
    return [sent for sent in installation.world.sender.sent if f"{TENANTS[tenant]}.example" in sent[0]]


async def nothing_crosses(operations: Sequence[Operation]) -> None:
    steps, shared = await together(operations)
    for tenant in range(2):
        replies, own = await alone(steps, tenant)
        for number, (step, reply) in enumerate(zip(steps, replies, strict=True)):
            if reply is not None:
                assert reply == step.reply, f"operation {number}: {step.operation}"
        groups = {group for group, _ in own.world.publisher.published}
        seen = [message for message in shared.world.publisher.published if message[0] in groups]
        assert sorted(own.world.publisher.published) == sorted(seen)


def test_every_route_is_called_here() -> None:
    assert set(ROUTES) == set(PROBES), "say in two_tenants.PROBES how each route is called"


@pytest.mark.parametrize("route", ROUTES)
async def test_s3_tenant_isolation_no_route_shows_or_changes_what_is_another_tenants(route: str) -> None:
    attack = [
        Operation(tenant=1, route=route, owner=owner, number=number, variant=variant)
        for owner in (1, 0)
        for number in range(4)
        for variant in range(4)
    ]
    await nothing_crosses([*SETUP, *attack, Operation(tenant=0, route="work"), *READ_BACK])


async def test_the_first_tenant_really_has_what_the_second_asks_for() -> None:
    steps, installation = await together([*SETUP, *READ_BACK])
    refused = [step for step in steps if step.reply and step.reply.status >= 400]
    assert {"job_result", "job", "job_events", "job_deliveries", "workflow"} >= {
        s.operation.route for s in refused
    }
    assert {409} >= {step.reply.status for step in refused if step.reply}, (
        "a result may be missing, a job is not"
    )
    listed: Counter[str] = Counter()
    for step in steps:
        if step.reply and b'"value"' in step.reply.body:
            listed[step.operation.route] += len(body_of(step.reply)["value"])
    assert all(listed.values()), listed
    assert installation.world.letters.letters
    assert sent_to(installation, 0)


OPERATIONS = st.builds(
    Operation,
    tenant=st.integers(0, 1),
    route=st.sampled_from(
        [*(name for name in PROBES if not name.startswith("health")), *TIMES, "work", "work"]
    ),
    owner=st.integers(0, 2),
    number=st.integers(0, 3),
    variant=st.integers(0, 4),
)
BEGINNINGS = st.sampled_from([[], SETUP])


@given(BEGINNINGS, st.lists(OPERATIONS, max_size=25))
@settings(max_examples=25, deadline=None)
def test_s3_tenant_isolation_holds_in_every_order_of_calls(
    beginning: list[Operation], operations: list[Operation]
) -> None:
    asyncio.run(nothing_crosses([*beginning, *operations]))


@pytest.mark.long
@given(BEGINNINGS, st.lists(OPERATIONS, max_size=60))
@settings(max_examples=400, deadline=None)
def test_s3_tenant_isolation_holds_in_very_many_orders_of_calls(
    beginning: list[Operation], operations: list[Operation]
) -> None:
    asyncio.run(nothing_crosses([*beginning, *operations]))
