"""Keys and limits on real tables: what the in-memory twin shows holds there too."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from orchestration.access.apikeys import ApiKeyService, KeyRequest
from orchestration.access.rate_limits import RateLimits
from orchestration.connections import store_alone
from orchestration.errors import RequestRefused, TokenRefused
from orchestration.identity import Caller, Role
from orchestration.ports import JobStore
from orchestration.settings import load_settings
from tests.orchestration.support import FakeClock

USES_SERVICES = True


@pytest.fixture
async def store(azurite: str) -> AsyncIterator[JobStore]:
    async with store_alone(load_settings({"CONTENT_STORAGE_CONNECTION_STRING": azurite})) as found:
        yield found


async def test_a_key_lives_from_issue_to_revocation(store: JobStore) -> None:
    clock, tenant = FakeClock(), uuid.uuid4().hex
    keys, elsewhere = ApiKeyService(store=store, clock=clock), ApiKeyService(store=store, clock=clock)
    owner = Caller(tenant=tenant, subject="x", role=Role.ADMIN)
    admin, _ = await keys.issue(owner, KeyRequest(name="first", role=Role.ADMIN))
    clock.advance(1)
    key, text = await keys.issue(owner, KeyRequest(name="a 'name' / with # signs ü", role=Role.VIEWER))
    assert (tenant, Role.VIEWER) == (
        (await elsewhere.caller(text)).tenant,
        (await elsewhere.caller(text)).role,
    )
    assert [admin.id, key.id] == [found.id for found in await keys.of_tenant(tenant)]
    with pytest.raises(RequestRefused, match="last admin"):
        await keys.revoke(tenant, admin.id)
    with pytest.raises(RequestRefused, match="no such key"):
        await keys.revoke(uuid.uuid4().hex, key.id)
    assert await keys.revoke(tenant, key.id) == await elsewhere.revoke(tenant, key.id)
    with pytest.raises(TokenRefused, match="revoked"):
        await keys.caller(text)


async def test_instances_take_blocks_of_one_limit_from_one_row(store: JobStore) -> None:
    clock, tenant = FakeClock(), uuid.uuid4().hex
    instances = [RateLimits(store=store, clock=clock, per_minute=50) for _ in range(3)]

    async def spend(rates: RateLimits) -> int:
        passed = 0
        for _ in range(60):
            try:
                await rates.spend(tenant)
            except RequestRefused:
                continue
            passed += 1
            await asyncio.sleep(0)
        return passed

    passed = sum(await asyncio.gather(*map(spend, instances)))
    assert 50 <= passed <= 50 + 3 * 5
