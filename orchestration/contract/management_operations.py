"""Documentation of the other routes. See :mod:`orchestration.contract.operations`."""

from __future__ import annotations

from collections.abc import Mapping

from orchestration.access.apikeys import KeyRequest
from orchestration.contract.answers import Health, JobList, Liveness
from orchestration.contract.management_answers import (
    AuditList,
    DeliveryList,
    DeliveryView,
    KeyList,
    LetterList,
    NewKey,
    NewSecret,
    RedriveReport,
    Statistics,
    TestCallReport,
    WorkflowCheck,
    WorkflowList,
    WorkflowView,
)
from orchestration.contract.operations import (
    ETAG,
    IF_NONE_MATCH,
    JOB_REFUSALS,
    LABEL,
    NO_BODY,
    NOT_PREDEFINED,
    PAGE,
    TIME,
    WORKFLOW_REFUSALS,
    Answer,
    Operation,
    Parameter,
    whole,
)
from orchestration.handlers.callbacks import CallTest
from orchestration.handlers.workflows import Activation
from orchestration.management.audit import Action
from orchestration.management.letters import QUEUES
from orchestration.management.listing import CHOICES
from orchestration.management.redrive import RedriveRequest
from orchestration.workflow.definitions import WorkflowDefinition

_FILTERS = {
    **{
        name: Parameter(description=f"Jobs of this {name}.", schema={"type": "string", "enum": list(values)})
        for name, values in CHOICES.items()
    },
    "workflowType": Parameter(description="Jobs of this workflow type.", schema=LABEL),
    "userId": Parameter(description="Jobs with this label.", schema=LABEL),
    "projectId": Parameter(description="Jobs with this label.", schema=LABEL),
    "tag": Parameter(description="Jobs with this tag.", schema=LABEL),
    "createdAfter": Parameter(description="Created at this time or later.", schema=TIME),
    "createdBefore": Parameter(description="Created before this time.", schema=TIME),
}
_DEFINITION_EXAMPLE = {
    "name": "Short and plain",
    "steps": [
        {"name": "analyze_intent", "service": "queryIntentAnalyzer"},
        {"name": "gather_sources", "service": "sourceCollector"},
        {"name": "chunk_content", "service": "contentChunker"},
        {"name": "analyze_keywords", "service": "keywordTopicAnalyzer", "optional": True},
        {"name": "structure_content", "service": "blufContentStructurer"},
        {"name": "optimize_content", "service": "llmContentOptimizer", "timeoutSeconds": 300},
        {"name": "assemble_package", "service": "contentAssembler"},
    ],
}
_PAGE_HEADERS = {
    "Content-Security-Policy": "Nothing but this service's own files.",
    "Referrer-Policy": "`no-referrer`",
}
_PACKED = {"Content-Encoding": "`gzip` where it is accepted.", "Vary": "`Accept-Encoding`"}
_UNCHANGED = Answer(description="Nothing has changed.", headers=ETAG)


def _page(shape: object, what: str) -> Mapping[int, Answer]:
    return {200: Answer(description=f"{what}; `nextLink` is absent on the last page.", shape=shape)}


_JOBS: Mapping[str, Operation] = {
    "jobs": Operation(
        tag="Job management",
        summary="List jobs, newest first",
        query={**_FILTERS, **PAGE},
        answers=_page(JobList, "A page of jobs"),
    ),
    "jobs_statistics": Operation(
        tag="Job management",
        summary="Figures over the jobs that ended in a period",
        description="Whole hours; the last seven days by default, 92 days at most.",
        query={
            "from": Parameter(description="Begin of the period.", schema=TIME),
            "to": Parameter(description="End of the period.", schema=TIME),
        },
        answers={200: Answer(description="The figures.", shape=Statistics)},
    ),
}
_WORKFLOWS: Mapping[str, Operation] = {
    "workflows": Operation(
        tag="Workflows",
        summary="List workflows",
        answers={200: Answer(description="All of them.", shape=WorkflowList)},
    ),
    "workflow_create": Operation(
        tag="Workflows",
        summary="Make a workflow",
        description="Its first version is active at once.",
        body=WorkflowDefinition,
        body_example=_DEFINITION_EXAMPLE,
        answers={
            201: Answer(
                description="The workflow.", shape=WorkflowView, headers={"Location": "The workflow."}
            )
        },
        refusals={409: ("workflow_exists", "too_many_workflows")},
    ),
    "workflow_validate": Operation(
        tag="Workflows",
        summary="Say what is wrong with a workflow",
        body=WorkflowDefinition,
        body_example=_DEFINITION_EXAMPLE,
        answers={200: Answer(description="What is wrong, or the plan.", shape=WorkflowCheck)},
    ),
    "workflow": Operation(
        tag="Workflows",
        summary="Show a workflow",
        query={
            "version": Parameter(
                description="Another version than the active one.", schema=whole(0, 999_999_999)
            )
        },
        answers={200: Answer(description="The workflow.", shape=WorkflowView)},
        refusals=WORKFLOW_REFUSALS,
    ),
    "workflow_update": Operation(
        tag="Workflows",
        summary="Make a new version of a workflow",
        description="It waits to be activated.",
        body=WorkflowDefinition,
        body_example=_DEFINITION_EXAMPLE,
        answers={200: Answer(description="The new version.", shape=WorkflowView)},
        refusals={
            **NOT_PREDEFINED,
            409: (*NOT_PREDEFINED[409], "too_many_versions"),
        },
    ),
    "workflow_delete": Operation(
        tag="Workflows",
        summary="Remove a workflow",
        description="Jobs that run it go on.",
        answers=NO_BODY,
        refusals=NOT_PREDEFINED,
    ),
    "workflow_activate": Operation(
        tag="Workflows",
        summary="Choose the version that new jobs run",
        body=Activation,
        body_required=False,
        body_example={"version": 2},
        answers={200: Answer(description="The workflow.", shape=WorkflowView)},
        refusals=NOT_PREDEFINED,
    ),
}
_LETTERS: Mapping[str, Operation] = {
    "dead_letters": Operation(
        tag="Operations",
        summary="Look into the dead-letter queues",
        query={
            "queue": Parameter(
                description="One queue instead of all.", schema={"type": "string", "enum": list(QUEUES)}
            ),
            **PAGE,
        },
        answers=_page(LetterList, "A page of letters, queue by queue, oldest first"),
        refusals={503: ("queue_unavailable",)},
    ),
    "dead_letters_redrive": Operation(
        tag="Operations",
        summary="Send dead letters back",
        description="Give exactly one of `sequenceNumbers`, `jobIds` and `all`. Repeating the call is safe.",
        body=RedriveRequest,
        body_example={"queue": "content-jobs", "all": True},
        answers={200: Answer(description="What became of them.", shape=RedriveReport)},
        refusals={503: ("queue_unavailable",)},
    ),
}
_CALLBACKS: Mapping[str, Operation] = {
    "job_deliveries": Operation(
        tag="Callbacks",
        summary="Show a job's callbacks with their tries",
        answers={200: Answer(description="The callbacks.", shape=DeliveryList)},
        refusals=JOB_REFUSALS,
    ),
    "job_redeliver": Operation(
        tag="Callbacks",
        summary="Call back again",
        description="The schedule begins again now.",
        answers={202: Answer(description="The callback.", shape=DeliveryView)},
        refusals={404: ("job_not_found", "delivery_not_found"), 409: ("delivery_outdated", "conflict")},
    ),
    "webhooks_rotate": Operation(
        tag="Callbacks",
        summary="Replace the secret that signs callbacks",
        description="The new one is shown this once; the one before it signs too for a while.",
        answers={200: Answer(description="The new secret.", shape=NewSecret)},
        refusals={409: ("conflict",)},
    ),
    "webhooks_test": Operation(
        tag="Callbacks",
        summary="Call an address once",
        body=CallTest,
        body_example={"url": "https://hooks.example.com/content"},
        answers={200: Answer(description="What came of it.", shape=TestCallReport)},
    ),
}
_KEYS: Mapping[str, Operation] = {
    "audit": Operation(
        tag="Operations",
        summary="Who did what in the tenant",
        description="Newest first. With a rare filter a page may be empty and still have a next one.",
        query={
            "from": Parameter(description="Not before this time.", schema=TIME),
            "to": Parameter(description="Before this time.", schema=TIME),
            "action": Parameter(
                description="One action.",
                schema={"type": "string", "enum": [action.value for action in Action]},
            ),
            "jobId": Parameter(
                description="What was done to this job.", schema={"type": "string", "format": "uuid"}
            ),
            **PAGE,
        },
        answers=_page(AuditList, "A page of the audit log"),
    ),
    "apikeys": Operation(
        tag="Operations",
        summary="List the tenant's API keys",
        answers={200: Answer(description="The keys, without their secrets.", shape=KeyList)},
    ),
    "apikey_create": Operation(
        tag="Operations",
        summary="Issue an API key",
        description="The key itself is shown this once.",
        body=KeyRequest,
        body_example={"name": "Newsletter", "role": "submitter", "expiresInDays": 90},
        answers={201: Answer(description="The key.", shape=NewKey)},
        refusals={409: ("too_many_keys",)},
    ),
    "apikey_revoke": Operation(
        tag="Operations",
        summary="Revoke an API key",
        description="Processes that know it admit it for some seconds more.",
        answers=NO_BODY,
        refusals={404: ("key_not_found",), 409: ("last_admin_key",)},
    ),
}
_SERVICE: Mapping[str, Operation] = {
    "health": Operation(
        tag="Service",
        summary="The service and its dependencies",
        answers={
            200: Answer(description="Jobs are accepted.", shape=Health),
            503: Answer(description="Something that is needed is down.", shape=Health),
        },
    ),
    "health_live": Operation(
        tag="Service",
        summary="The process answers",
        answers={200: Answer(description="It does.", shape=Liveness)},
    ),
    "health_ready": Operation(
        tag="Service",
        summary="Whether work can be accepted",
        answers={
            200: Answer(description="It can.", shape=Health),
            503: Answer(description="It cannot.", shape=Health),
        },
    ),
    "openapi": Operation(
        tag="Service",
        summary="This contract",
        headers=IF_NONE_MATCH,
        answers={
            200: Answer(
                description="OpenAPI 3.1.", media={"application/json": {"type": "object"}}, headers=ETAG
            ),
            304: _UNCHANGED,
        },
    ),
    "docs": Operation(
        tag="Service",
        summary="This contract for people",
        headers=IF_NONE_MATCH,
        answers={
            200: Answer(
                description="Swagger UI.",
                media={"text/html": {"type": "string"}},
                headers={**ETAG, **_PAGE_HEADERS},
            ),
            304: _UNCHANGED,
        },
    ),
    "docs_file": Operation(
        tag="Service",
        summary="A file of that page",
        headers=IF_NONE_MATCH,
        answers={
            200: Answer(
                description="The file.",
                media={"text/javascript": {"type": "string"}, "text/css": {"type": "string"}},
                headers={**ETAG, **_PACKED},
            ),
            304: Answer(description="Nothing has changed.", headers={**ETAG, **_PACKED}),
        },
        refusals={404: ("not_found",)},
    ),
}

OTHER_OPERATIONS: Mapping[str, Operation] = {
    **_JOBS,
    **_WORKFLOWS,
    **_LETTERS,
    **_CALLBACKS,
    **_KEYS,
    **_SERVICE,
}
