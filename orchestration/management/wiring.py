"""Wires job management. Part of the composition root."""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.epilogue import Epilogue
from orchestration.job_management import JobManagementService
from orchestration.management.audit import AuditTrail
from orchestration.management.audit_log import AuditLog
from orchestration.management.deadletters import DeadLetterService
from orchestration.management.job_index import JobIndex
from orchestration.management.job_listing import JobLister
from orchestration.management.job_statistics import StatisticsService
from orchestration.management.letters import DeadLetterBox
from orchestration.management.retention import RetentionService
from orchestration.ports import Clock, JobStore
from orchestration.realtime import RealtimeUpdatesService
from orchestration.service import OrchestrationService
from orchestration.settings import Settings
from orchestration.webhooks.service import CallbackService


@dataclass(frozen=True, slots=True, kw_only=True)
class JobServices:
    """What works on jobs beyond their runs."""

    management: JobManagementService
    letters: DeadLetterService
    statistics: StatisticsService
    retention: RetentionService
    audit: AuditTrail
    audit_log: AuditLog


def wire_jobs(
    *,
    store: JobStore,
    box: DeadLetterBox,
    service: OrchestrationService,
    realtime: RealtimeUpdatesService,
    epilogue: Epilogue,
    callbacks: CallbackService,
    statistics: StatisticsService,
    clock: Clock,
    settings: Settings,
) -> JobServices:
    """Build the services on given adapters."""
    index = JobIndex(store=store)
    audit = AuditTrail(store=store, clock=clock)
    management = JobManagementService(
        store=store,
        service=service,
        realtime=realtime,
        index=index,
        lister=JobLister(store=store, index=index),
        statistics=statistics,
        audit=audit,
        callbacks=callbacks,
        clock=clock,
        settings=settings,
    )
    letters = DeadLetterService(
        box=box,
        store=store,
        service=service,
        management=management,
        epilogue=epilogue,
        realtime=realtime,
        audit=audit,
        clock=clock,
        settings=settings,
    )
    retention = RetentionService(store=store, management=management, clock=clock, settings=settings)
    return JobServices(
        management=management,
        letters=letters,
        statistics=statistics,
        retention=retention,
        audit=audit,
        audit_log=AuditLog(store=store, clock=clock, days=settings.audit_retention_days),
    )
