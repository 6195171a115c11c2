"""The composition root: settings to wired services, once per process, lazily on the running loop.

Importing this module does no I/O; the Azure SDKs are imported when the first call needs them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass

from layers.catalog import CATALOG, StepDeclaration, artifact_type
from layers.contract import Artifact, Tools
from orchestration.access.rate_limits import RateLimits
from orchestration.access.wiring import wire_access
from orchestration.api import Api
from orchestration.attempts import AttemptRunner
from orchestration.circuits import TABLE_STORAGE
from orchestration.connections import Outside, connect
from orchestration.controller import ContentArchitectController, refusal
from orchestration.engine import WorkflowEngineService
from orchestration.epilogue import Epilogue
from orchestration.errors import ContentArchitectError, DependencyUnavailable, StorageUnavailable
from orchestration.fresh_jobs import FreshJobs
from orchestration.health import HealthService
from orchestration.http import HttpCall, HttpReply, complete
from orchestration.jobs import Priority
from orchestration.management.audit import AuditTrail
from orchestration.management.estimates import Estimates
from orchestration.management.job_statistics import StatisticsService
from orchestration.management.wiring import JobServices, wire_jobs
from orchestration.process_identity import is_alive, owner_name
from orchestration.processor import ContentJobProcessor
from orchestration.realtime import RealtimeUpdatesService
from orchestration.recovery import RecoverySweeper
from orchestration.routes import Route
from orchestration.service import OrchestrationService
from orchestration.settings import Settings, load_settings
from orchestration.sockets.interest import Interest
from orchestration.sockets.wiring import SocketServices, wire_sockets
from orchestration.step_cache import StepCache
from orchestration.step_threads import StepThreads
from orchestration.step_tools import research_tools
from orchestration.telemetry import setup as telemetry
from orchestration.telemetry.metrics import watch_each
from orchestration.webhooks.dispatch import CallbackDispatcher
from orchestration.webhooks.secrets import WebhookSecrets
from orchestration.webhooks.service import CallbackService
from orchestration.workflow.service import WorkflowService
from orchestration.workflow.store import WorkflowStore

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The wired services of one process."""

    settings: Settings
    service: OrchestrationService
    api: Api
    processor: ContentJobProcessor
    sweeper: RecoverySweeper
    jobs: JobServices
    callbacks: CallbackService
    dispatcher: CallbackDispatcher
    realtime: RealtimeUpdatesService
    sockets: SocketServices
    outside: Outside


def wire(
    settings: Settings,
    outside: Outside,
    tools: Callable[[], Tools],
    *,
    catalog: Mapping[str, StepDeclaration] = CATALOG,
    artifacts: Callable[[str], type[Artifact]] = artifact_type,
) -> App:
    """Build the services on given adapters: the Azure ones, or their in-memory twins.

    ``catalog`` says which steps there are, ``artifacts`` gives the class of an artifact's name.
    """
    clock = outside.clock
    dispatcher = CallbackDispatcher(outside.store, outside.queue)
    realtime = _realtime(outside, dispatcher)
    outside.circuits.add("webPubSub", realtime.circuit)
    watch_each("content.breaker.state", "dependency", outside.circuits.numbers)
    epilogue = Epilogue(store=outside.store, realtime=realtime, callbacks=dispatcher)
    callbacks = _callbacks(settings, outside)
    statistics = StatisticsService(store=outside.store, clock=clock)
    workflows = _workflows(outside, catalog, Estimates(statistics=statistics, clock=clock))
    fresh = FreshJobs(clock.monotonic)
    service = _service(settings, outside, epilogue, workflows, fresh)
    cache = StepCache(store=outside.store, clock=clock) if settings.step_cache else None
    engine = WorkflowEngineService(outside.store, clock, catalog=catalog, artifacts=artifacts, cache=cache)
    runner = _runner(settings, outside, tools, engine=engine, epilogue=epilogue)
    jobs = _jobs(settings, outside, epilogue, service=service, callbacks=callbacks, statistics=statistics)
    door = wire_access(
        store=outside.store, tokens=outside.tokens, audit=jobs.audit, clock=clock, settings=settings
    )
    controller = ContentArchitectController(
        service=service,
        store=outside.store,
        realtime=realtime,
        health=_health(outside),
        management=jobs.management,
        letters=jobs.letters,
        callbacks=callbacks,
        workflows=workflows,
        sockets=_sockets(settings, outside, service, door.rates),
        keys=door.keys,
        audit_log=jobs.audit_log,
        limits=door.limits,
        clock=clock,
        settings=settings,
    )
    return App(
        settings=settings,
        service=service,
        api=Api(controller=controller, access=door.access, rates=door.rates),
        processor=ContentJobProcessor(runner=runner, service=service, fresh=fresh),
        sweeper=_sweeper(settings, outside, epilogue),
        jobs=jobs,
        callbacks=callbacks,
        dispatcher=dispatcher,
        realtime=realtime,
        sockets=controller.sockets,
        outside=outside,
    )


def _realtime(outside: Outside, dispatcher: CallbackDispatcher) -> RealtimeUpdatesService:
    interest = Interest(store=outside.store, clock=outside.clock)
    return RealtimeUpdatesService(
        outside.publisher, outside.clock, also=dispatcher.announce, watchers=interest
    )


def _health(outside: Outside) -> HealthService:
    """One read probes the tables; everything else is judged by its circuit."""
    probes = {TABLE_STORAGE: lambda: outside.store.read_job("health")}
    return HealthService(probes, outside.clock, outside.circuits)


def _sockets(
    settings: Settings, outside: Outside, service: OrchestrationService, rates: RateLimits
) -> SocketServices:
    return wire_sockets(
        store=outside.store,
        publisher=outside.publisher,
        tokens=outside.tokens,
        service=service,
        clock=outside.clock,
        settings=settings,
        rates=rates,
    )


def _jobs(
    settings: Settings,
    outside: Outside,
    epilogue: Epilogue,
    *,
    service: OrchestrationService,
    callbacks: CallbackService,
    statistics: StatisticsService,
) -> JobServices:
    return wire_jobs(
        statistics=statistics,
        store=outside.store,
        box=outside.letters,
        service=service,
        realtime=epilogue.realtime,
        epilogue=epilogue,
        callbacks=callbacks,
        clock=outside.clock,
        settings=settings,
    )


def _service(
    settings: Settings,
    outside: Outside,
    epilogue: Epilogue,
    workflows: WorkflowService,
    fresh: FreshJobs,
) -> OrchestrationService:
    return OrchestrationService(
        outside.store,
        outside.queue,
        epilogue.realtime,
        outside.clock,
        settings,
        epilogue=epilogue,
        sender=outside.sender,
        workflows=workflows,
        fresh=fresh,
        has_llm=settings.has_llm,
    )


def _runner(
    settings: Settings,
    outside: Outside,
    tools: Callable[[], Tools],
    *,
    engine: WorkflowEngineService,
    epilogue: Epilogue,
) -> AttemptRunner:
    return AttemptRunner(
        store=outside.store,
        queue=outside.queue,
        realtime=epilogue.realtime,
        engine=engine,
        epilogue=epilogue,
        clock=outside.clock,
        settings=settings,
        tools=tools,
        owner=owner_name(settings.instance_id),
    )


def _sweeper(settings: Settings, outside: Outside, epilogue: Epilogue) -> RecoverySweeper:
    return RecoverySweeper(
        store=outside.store,
        queue=outside.queue,
        epilogue=epilogue,
        clock=outside.clock,
        instance_id=settings.instance_id,
        is_alive=is_alive,
    )


def _callbacks(settings: Settings, outside: Outside) -> CallbackService:
    return CallbackService(
        store=outside.store,
        queue=outside.queue,
        sender=outside.sender,
        secrets=WebhookSecrets(store=outside.store, clock=outside.clock),
        clock=outside.clock,
        max_delivery_count=settings.max_delivery_count,
    )


def _workflows(
    outside: Outside, catalog: Mapping[str, StepDeclaration], estimates: Estimates
) -> WorkflowService:
    return WorkflowService(
        store=WorkflowStore(store=outside.store),
        audit=AuditTrail(store=outside.store, clock=outside.clock),
        clock=outside.clock,
        catalog=catalog,
        estimates=estimates,
    )


_apps: dict[asyncio.AbstractEventLoop, asyncio.Task[App]] = {}
_sends_soon: ContextVar[bool] = ContextVar("sends_soon", default=False)
"""Whether the call that starts the app is likely to end in a message: then the ways to the broker are opened early."""


async def current_app() -> App:
    """The app of this process. Clients live as long as the loop that they were made on."""
    loop = asyncio.get_running_loop()
    if loop not in _apps or _failed(_apps[loop]):
        _apps[loop] = loop.create_task(_start())
    return await asyncio.shield(_apps[loop])


def _failed(task: asyncio.Task[App]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


async def _start() -> App:
    settings = load_settings()
    telemetry.start(include_content=settings.telemetry_include_content)
    queues = dict.fromkeys(p.queue for p in (Priority.NORMAL, Priority.HIGH, Priority.LOW))
    threads = StepThreads()
    asyncio.get_running_loop().set_default_executor(threads)
    outside = await connect(settings, sends_soon=tuple(queues) if _sends_soon.get() else ())
    outside.circuits.add("stepThreads", threads.circuit)
    app = wire(settings, outside, research_tools(settings, outside.circuits))
    try:
        await app.sweeper.expire_predecessor()
    except StorageUnavailable as error:
        _log.warning("a predecessor's jobs wait for their leases", extra={"reason": str(error)})
    return app


async def answer(route: Route, call: HttpCall) -> HttpReply:
    """Answer an HTTP call; what keeps the app from starting is answered too, as a problem document."""
    _sends_soon.set(call.method == "POST")
    try:
        app = await current_app()
    except ContentArchitectError as error:
        _log.error("the app cannot start", extra={"reason": str(error)})
        return complete(refusal(error, call.trace_id), call.trace_id)
    return await app.api.answer(route, call)


async def on_timer(work: Callable[[App], Awaitable[object]]) -> None:
    """Do what a timer asks for. A dependency that is down now is a matter for the next tick, not a failed function."""
    _sends_soon.set(True)  # a sweep that finds work sends for it
    try:
        await work(await current_app())
    except DependencyUnavailable as error:
        _log.warning("left to the next tick", extra={"reason": str(error)})
