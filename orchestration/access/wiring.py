"""Wires what decides who may call, and how often. Part of the composition root."""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.access.apikeys import ApiKeyService
from orchestration.access.job_limits import JobLimits
from orchestration.access.rate_limits import RateLimits
from orchestration.access.refusals import Refusals
from orchestration.access.service import AccessService
from orchestration.management.audit import AuditTrail
from orchestration.ports import Clock, JobStore, TokenVerifier
from orchestration.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessServices:
    """Keys, admission and limits of one process."""

    access: AccessService
    keys: ApiKeyService
    rates: RateLimits
    limits: JobLimits


def wire_access(
    *, store: JobStore, tokens: TokenVerifier, audit: AuditTrail, clock: Clock, settings: Settings
) -> AccessServices:
    """Build the services on given adapters."""
    keys = ApiKeyService(store=store, clock=clock)
    access = AccessService(
        settings=settings, store=store, tokens=tokens, keys=keys, refusals=Refusals(audit, clock)
    )
    return AccessServices(
        access=access,
        keys=keys,
        rates=RateLimits(store=store, clock=clock, per_minute=settings.rate_limit_per_minute),
        limits=JobLimits(store=store, clock=clock, most=settings.max_active_jobs),
    )
