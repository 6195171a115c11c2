"""Triggers only: each function hands its call to a service and returns what comes back."""

import asyncio
from collections.abc import Awaitable, Callable

import azure.functions as func

from orchestration.bootstrap import App, answer, current_app, on_timer
from orchestration.errors import PoisonMessage
from orchestration.http import HttpCall
from orchestration.messages import Delivery
from orchestration.outcomes import DeadLetter, Outcome
from orchestration.routes import BASE, CATCH_ALL, ROUTES, Route

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
"""Anonymous for the host: the app authenticates, so that it can answer with problem documents."""

WORKFLOW = f"{BASE}/workflows/{{workflowId}}"
JOB = f"{BASE}/job/{{jobId}}"
Work = Callable[[Delivery], Awaitable[Outcome]]
CONNECTION = "AZURE_SERVICE_BUS_CONNECTION_STRING"


async def _answer(req: func.HttpRequest, route: Route) -> func.HttpResponse:
    call = HttpCall(
        method=req.method,
        headers=dict(req.headers),
        query=dict(req.params),
        route=dict(req.route_params),
        body=req.get_body(),
    )
    reply = await answer(route, call)
    headers = dict(reply.headers)
    return func.HttpResponse(
        reply.body, status_code=reply.status, headers=headers, mimetype=reply.content_type
    )


async def _process(message: func.ServiceBusMessage, queue: str) -> None:
    await _settle(message, queue, lambda current: current.processor.process)


async def _settle(message: func.ServiceBusMessage, queue: str, choose: Callable[[App], Work]) -> None:
    """Settle by returning or raising: the host completes or abandons."""
    delivery = Delivery(
        queue=queue,
        message_id=message.message_id or f"sequence-{message.sequence_number}",  # a producer may send none
        delivery_count=message.delivery_count or 1,
        body=message.get_body(),
        properties=dict(message.application_properties or {}),
    )
    try:
        outcome = await choose(await current_app())(delivery)
    except asyncio.CancelledError as error:
        raise RuntimeError(
            "the invocation was cancelled"
        ) from error  # an escaping one would hang the invocation
    if isinstance(outcome, DeadLetter):
        raise PoisonMessage(outcome.reason)


@app.route(route=f"{BASE}/generate", methods=["POST"])
async def generate(req: func.HttpRequest) -> func.HttpResponse:
    """Accept a content request."""
    return await _answer(req, ROUTES["generate"])


@app.route(route=JOB, methods=["GET"])
async def job(req: func.HttpRequest) -> func.HttpResponse:
    """Show a job."""
    return await _answer(req, ROUTES["job"])


@app.route(route=f"{JOB}/result", methods=["GET"])
async def job_result(req: func.HttpRequest) -> func.HttpResponse:
    """Hand out the package."""
    return await _answer(req, ROUTES["job_result"])


@app.route(route=f"{JOB}/events", methods=["GET"])
async def job_events(req: func.HttpRequest) -> func.HttpResponse:
    """Read the event log."""
    return await _answer(req, ROUTES["job_events"])


@app.route(route=f"{JOB}/cancel", methods=["POST"])
async def job_cancel(req: func.HttpRequest) -> func.HttpResponse:
    """Ask a job to stop."""
    return await _answer(req, ROUTES["job_cancel"])


@app.route(route=f"{JOB}/retry", methods=["POST"])
async def job_retry(req: func.HttpRequest) -> func.HttpResponse:
    """Run a failed or cancelled job again."""
    return await _answer(req, ROUTES["job_retry"])


@app.route(route=f"{JOB}/fork", methods=["POST"])
async def job_fork(req: func.HttpRequest) -> func.HttpResponse:
    """Make a new job that keeps a job's first steps."""
    return await _answer(req, ROUTES["job_fork"])


@app.route(route=JOB, methods=["DELETE"])
async def job_delete(req: func.HttpRequest) -> func.HttpResponse:
    """Remove a terminal job."""
    return await _answer(req, ROUTES["job_delete"])


@app.route(route=f"{BASE}/jobs", methods=["GET"])
async def jobs(req: func.HttpRequest) -> func.HttpResponse:
    """List jobs."""
    return await _answer(req, ROUTES["jobs"])


@app.route(route=f"{BASE}/jobs/statistics", methods=["GET"])
async def jobs_statistics(req: func.HttpRequest) -> func.HttpResponse:
    """Count jobs."""
    return await _answer(req, ROUTES["jobs_statistics"])


@app.route(route=f"{BASE}/deadletters", methods=["GET"])
async def dead_letters(req: func.HttpRequest) -> func.HttpResponse:
    """Look at messages that nobody could work on."""
    return await _answer(req, ROUTES["dead_letters"])


@app.route(route=f"{BASE}/deadletters/redrive", methods=["POST"])
async def dead_letters_redrive(req: func.HttpRequest) -> func.HttpResponse:
    """Send dead letters back."""
    return await _answer(req, ROUTES["dead_letters_redrive"])


@app.route(route=f"{JOB}/deliveries", methods=["GET"])
async def job_deliveries(req: func.HttpRequest) -> func.HttpResponse:
    """Show a job's callbacks and their tries."""
    return await _answer(req, ROUTES["job_deliveries"])


@app.route(route=f"{JOB}/deliveries/{{deliveryId}}/redeliver", methods=["POST"])
async def job_redeliver(req: func.HttpRequest) -> func.HttpResponse:
    """Call back again."""
    return await _answer(req, ROUTES["job_redeliver"])


@app.route(route=f"{BASE}/webhooks/secret/rotate", methods=["POST"])
async def webhooks_rotate(req: func.HttpRequest) -> func.HttpResponse:
    """Replace the secret that signs callbacks."""
    return await _answer(req, ROUTES["webhooks_rotate"])


@app.route(route=f"{BASE}/webhooks/test", methods=["POST"])
async def webhooks_test(req: func.HttpRequest) -> func.HttpResponse:
    """Call an address once."""
    return await _answer(req, ROUTES["webhooks_test"])


@app.route(route=f"{BASE}/workflows", methods=["GET"])
async def workflows(req: func.HttpRequest) -> func.HttpResponse:
    """List workflows."""
    return await _answer(req, ROUTES["workflows"])


@app.route(route=f"{BASE}/workflows", methods=["POST"])
async def workflow_create(req: func.HttpRequest) -> func.HttpResponse:
    """Make a workflow."""
    return await _answer(req, ROUTES["workflow_create"])


@app.route(route=f"{BASE}/workflows/validate", methods=["POST"])
async def workflow_validate(req: func.HttpRequest) -> func.HttpResponse:
    """Say what is wrong with a workflow."""
    return await _answer(req, ROUTES["workflow_validate"])


@app.route(route=WORKFLOW, methods=["GET"])
async def workflow(req: func.HttpRequest) -> func.HttpResponse:
    """Show a workflow."""
    return await _answer(req, ROUTES["workflow"])


@app.route(route=WORKFLOW, methods=["PUT"])
async def workflow_update(req: func.HttpRequest) -> func.HttpResponse:
    """Make a new version of a workflow."""
    return await _answer(req, ROUTES["workflow_update"])


@app.route(route=WORKFLOW, methods=["DELETE"])
async def workflow_delete(req: func.HttpRequest) -> func.HttpResponse:
    """Remove a workflow."""
    return await _answer(req, ROUTES["workflow_delete"])


@app.route(route=f"{WORKFLOW}/activate", methods=["POST"])
async def workflow_activate(req: func.HttpRequest) -> func.HttpResponse:
    """Choose the version that new jobs run."""
    return await _answer(req, ROUTES["workflow_activate"])


@app.route(route=f"{BASE}/apikeys", methods=["GET"])
async def apikeys(req: func.HttpRequest) -> func.HttpResponse:
    """List API keys."""
    return await _answer(req, ROUTES["apikeys"])


@app.route(route=f"{BASE}/apikeys", methods=["POST"])
async def apikey_create(req: func.HttpRequest) -> func.HttpResponse:
    """Issue an API key."""
    return await _answer(req, ROUTES["apikey_create"])


@app.route(route=f"{BASE}/apikeys/{{keyId}}", methods=["DELETE"])
async def apikey_revoke(req: func.HttpRequest) -> func.HttpResponse:
    """End an API key."""
    return await _answer(req, ROUTES["apikey_revoke"])


@app.route(route=f"{BASE}/audit", methods=["GET"])
async def audit(req: func.HttpRequest) -> func.HttpResponse:
    """Show who did what."""
    return await _answer(req, ROUTES["audit"])


@app.route(route=f"{JOB}/negotiate", methods=["POST"])
async def job_negotiate(req: func.HttpRequest) -> func.HttpResponse:
    """Open a socket on a job."""
    return await _answer(req, ROUTES["job_negotiate"])


@app.route(route=f"{BASE}/realtime/negotiate", methods=["POST"])
async def realtime_negotiate(req: func.HttpRequest) -> func.HttpResponse:
    """Open a socket on the caller's own jobs."""
    return await _answer(req, ROUTES["realtime_negotiate"])


@app.route(route=f"{BASE}/realtime/connections", methods=["GET"])
async def realtime_connections(req: func.HttpRequest) -> func.HttpResponse:
    """List open sockets."""
    return await _answer(req, ROUTES["realtime_connections"])


@app.route(route=f"{BASE}/realtime/upstream", methods=["OPTIONS"])
async def realtime_handshake(req: func.HttpRequest) -> func.HttpResponse:
    """Allow Web PubSub to send its events."""
    return await _answer(req, ROUTES["realtime_handshake"])


@app.route(route=f"{BASE}/realtime/upstream", methods=["POST"])
async def realtime_upstream(req: func.HttpRequest) -> func.HttpResponse:
    """Take an event of Web PubSub."""
    return await _answer(req, ROUTES["realtime_upstream"])


@app.route(route=f"{BASE}/health", methods=["GET"])
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """Say how the service and its dependencies are."""
    return await _answer(req, ROUTES["health"])


@app.route(route=f"{BASE}/health/live", methods=["GET"])
async def health_live(req: func.HttpRequest) -> func.HttpResponse:
    """Say that the process answers."""
    return await _answer(req, ROUTES["health_live"])


@app.route(route=f"{BASE}/health/ready", methods=["GET"])
async def health_ready(req: func.HttpRequest) -> func.HttpResponse:
    """Say whether work can be accepted."""
    return await _answer(req, ROUTES["health_ready"])


@app.route(route=f"{BASE}/openapi.json", methods=["GET"])
async def openapi(req: func.HttpRequest) -> func.HttpResponse:
    """Hand out the contract."""
    return await _answer(req, ROUTES["openapi"])


@app.route(route=f"{BASE}/docs", methods=["GET"])
async def docs(req: func.HttpRequest) -> func.HttpResponse:
    """Show the contract to people."""
    return await _answer(req, ROUTES["docs"])


@app.route(route=f"{BASE}/docs/{{file}}", methods=["GET"])
async def docs_file(req: func.HttpRequest) -> func.HttpResponse:
    """Hand out what that page consists of."""
    return await _answer(req, ROUTES["docs_file"])


@app.route(route="{*rest}")
async def zz_not_found(req: func.HttpRequest) -> func.HttpResponse:
    """Answer what no other route took; the host tries functions by name, so this one comes last."""
    return await _answer(req, CATCH_ALL)


@app.function_name("ContentJobProcessor")
@app.service_bus_queue_trigger(arg_name="message", queue_name="content-jobs", connection=CONNECTION)
async def process_normal(message: func.ServiceBusMessage) -> None:
    """Work on jobs of normal priority."""
    await _process(message, "content-jobs")


@app.function_name("ContentJobProcessorHigh")
@app.service_bus_queue_trigger(arg_name="message", queue_name="content-jobs-high", connection=CONNECTION)
async def process_high(message: func.ServiceBusMessage) -> None:
    """Work on urgent, high and awaited jobs."""
    await _process(message, "content-jobs-high")


@app.function_name("ContentJobProcessorLow")
@app.service_bus_queue_trigger(arg_name="message", queue_name="content-jobs-low", connection=CONNECTION)
async def process_low(message: func.ServiceBusMessage) -> None:
    """Work on jobs that can wait."""
    await _process(message, "content-jobs-low")


@app.function_name("CallbackDeliverer")
@app.service_bus_queue_trigger(arg_name="message", queue_name="content-callbacks", connection=CONNECTION)
async def deliver_callback(message: func.ServiceBusMessage) -> None:
    """Call back those who asked for it."""
    await _settle(message, "content-callbacks", lambda current: current.callbacks.deliver)


@app.timer_trigger(arg_name="timer", schedule="%SWEEP_SCHEDULE%", run_on_startup=True)
async def sweep(timer: func.TimerRequest) -> None:
    """Wake up jobs that nobody works on; at start, also those of this instance's dead predecessor."""
    del timer  # when the last sweep was does not matter
    await on_timer(lambda current: current.sweeper.sweep())
    await on_timer(lambda current: current.jobs.letters.reconcile())


@app.timer_trigger(arg_name="timer", schedule="0 5 * * * *")
async def close_hours(timer: func.TimerRequest) -> None:
    """Add up the hour that has ended."""
    del timer  # the service knows which hours are due
    await on_timer(lambda current: current.jobs.statistics.close_hours())


@app.timer_trigger(arg_name="timer", schedule="0 35 * * * *")
async def clean_up(timer: func.TimerRequest) -> None:
    """Remove jobs and audit rows whose time is over."""
    del timer  # the service knows which jobs are due
    await on_timer(lambda current: current.jobs.retention.clean())
    await on_timer(lambda current: current.jobs.audit_log.clean())


@app.timer_trigger(arg_name="timer", schedule="20 */5 * * * *")
async def clean_up_connections(timer: func.TimerRequest) -> None:
    """Forget sockets whose end nobody told."""
    del timer  # rows carry when they were last seen
    await on_timer(lambda current: current.sockets.registry.clean())
