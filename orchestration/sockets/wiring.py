"""The services behind sockets: open connections, subscriptions, and the check of Web PubSub's events."""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.access.rate_limits import RateLimits
from orchestration.ports import Clock, JobStore, RealtimePublisher, TokenVerifier
from orchestration.service import OrchestrationService
from orchestration.settings import Settings
from orchestration.sockets.connection_registry import ConnectionRegistry
from orchestration.sockets.interest import Interest
from orchestration.sockets.subscriptions import SubscriptionService
from orchestration.sockets.upstream_guard import UpstreamGuard
from orchestration.views import Links


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketServices:
    """What the handlers of realtime ask."""

    interest: Interest
    registry: ConnectionRegistry
    subscriptions: SubscriptionService
    guard: UpstreamGuard


def wire_sockets(
    *,
    store: JobStore,
    publisher: RealtimePublisher,
    tokens: TokenVerifier,
    service: OrchestrationService,
    clock: Clock,
    settings: Settings,
    rates: RateLimits,
) -> SocketServices:
    """Build the services on given adapters."""
    interest = Interest(store=store, clock=clock)
    registry = ConnectionRegistry(store=store, publisher=publisher, interest=interest, clock=clock)
    subscriptions = SubscriptionService(
        registry=registry,
        publisher=publisher,
        service=service,
        links=Links(base=settings.api_url),
        rates=rates,
    )
    guard = UpstreamGuard(settings=settings, tokens=tokens)
    return SocketServices(interest=interest, registry=registry, subscriptions=subscriptions, guard=guard)
