"""Handlers of workflows: list, show, create, update, activate, delete, validate.

Part of the HTTP face: each takes the controller and a call, as the controller's own methods do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from layers.catalog import StepDeclaration
from orchestration.controller import ContentArchitectController, actor_of, read_json, whole_number
from orchestration.errors import FieldError, InvalidRequest, RequestRefused
from orchestration.http import HttpCall, HttpReply, json_reply
from orchestration.management.estimates import NOTHING_KNOWN, History
from orchestration.schemas import field_errors
from orchestration.workflow.definitions import WorkflowDefinition, parse_definition
from orchestration.workflow.plan import plan
from orchestration.workflow.service import WorkflowVersion
from orchestration.workflow.store import WorkflowHead
from orchestration.workflows import PREDEFINED, Step, Workflow

if TYPE_CHECKING:
    from orchestration.contract.answers import FieldProblem
    from orchestration.contract.management_answers import (
        WorkflowCheck,
        WorkflowItem,
        WorkflowLinks,
        WorkflowList,
        WorkflowPlan,
        WorkflowStepView,
        WorkflowView,
    )


class Activation(BaseModel):
    """The body of ``POST workflows/{id}/activate``; the latest version where none is named."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


async def list_workflows(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``GET workflows``: the predefined ones, then the tenant's own, by id."""
    heads = await controller.workflows.of_tenant(call.caller.tenant)
    listed: WorkflowList = {
        "value": [_predefined_item(controller, workflow) for workflow in PREDEFINED.values()]
    }
    listed["value"] += [_item(controller, head) for head in heads]
    return json_reply(200, listed)


async def get_workflow(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``GET workflows/{id}?version=``: with steps and plan."""
    tenant, workflow_id = call.caller.tenant, _id(call)
    given = call.query.get("version")
    version = whole_number(given, "/version") if given is not None else None
    history = await controller.workflows.estimates.learnt(tenant)
    if (workflow := PREDEFINED.get(workflow_id)) is not None:
        if version not in (None, workflow.version):
            detail = f"{workflow_id} has no version {version}"
            raise RequestRefused(detail, code="workflow_not_found", status=404)
        body: WorkflowView = {
            **_predefined_item(controller, workflow),
            "version": workflow.version,
            "steps": [_step_view(step) for step in workflow.steps],
            "plan": _plan_view(workflow, controller.workflows.catalog, history, workflow.estimated_seconds),
        }
        return json_reply(200, body)
    found = await controller.workflows.get(tenant, workflow_id, version)
    return json_reply(200, _view(controller, found, history))


async def create_workflow(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``POST workflows``: 201; its first version is active."""
    actor = actor_of(call)
    created = await controller.workflows.create(actor, read_json(call))
    view = _view(controller, created)
    return json_reply(201, view, {"Location": view["links"]["self"]})


async def update_workflow(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``PUT workflows/{id}``: a new version, which waits to be activated."""
    actor = actor_of(call)
    updated = await controller.workflows.update(actor, _id(call), read_json(call))
    return json_reply(200, _view(controller, updated))


async def activate_workflow(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``POST workflows/{id}/activate``: new jobs run this version from now on."""
    actor = actor_of(call)
    try:
        wanted = Activation.model_validate(read_json(call) if call.body else {})
    except ValidationError as error:
        raise InvalidRequest(field_errors(error)) from error
    activated = await controller.workflows.activate(actor, _id(call), wanted.version)
    return json_reply(200, _view(controller, activated))


async def delete_workflow(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``DELETE workflows/{id}``: 204; jobs that run it go on."""
    await controller.workflows.delete(actor_of(call), _id(call))
    return HttpReply(status=204)


async def validate_workflow(controller: ContentArchitectController, call: HttpCall) -> HttpReply:
    """``POST workflows/validate``: 200 with what is wrong, or with the plan when nothing is."""
    catalog = controller.workflows.catalog
    try:
        definition = parse_definition(read_json(call), catalog)
    except InvalidRequest as error:
        wrong: WorkflowCheck = {"valid": False, "errors": [_error(each) for each in error.errors]}
        return json_reply(200, wrong)
    workflow = definition.to_workflow(definition.id or "", 0, catalog)
    fine: WorkflowCheck = {"valid": True, "errors": [], "plan": _plan_view(workflow, catalog)}
    return json_reply(200, fine)


def _id(call: HttpCall) -> str:
    return call.route.get("workflowId", "")


def _error(error: FieldError) -> FieldProblem:
    return {"pointer": error.pointer, "detail": error.detail}


def _links(controller: ContentArchitectController, workflow_id: str) -> WorkflowLinks:
    base = f"{controller.settings.api_url.rstrip('/')}/content-architect/workflows/{workflow_id}"
    return {"self": base} if workflow_id in PREDEFINED else {"self": base, "activate": f"{base}/activate"}


def _predefined_item(controller: ContentArchitectController, workflow: Workflow) -> WorkflowItem:
    return {
        "id": workflow.id,
        "name": workflow.id,
        "description": workflow.description,
        "predefined": True,
        "activeVersion": workflow.version,
        "latestVersion": workflow.version,
        "links": _links(controller, workflow.id),
    }


def _item(controller: ContentArchitectController, head: WorkflowHead) -> WorkflowItem:
    return {
        "id": head.id,
        "name": head.name,
        "description": head.description,
        "predefined": False,
        "activeVersion": head.active,
        "latestVersion": head.latest,
        "createdAt": head.created_at,
        "updatedAt": head.updated_at,
        "links": _links(controller, head.id),
    }


def _view(
    controller: ContentArchitectController, found: WorkflowVersion, history: History = NOTHING_KNOWN
) -> WorkflowView:
    catalog = controller.workflows.catalog
    definition: WorkflowDefinition = found.definition
    workflow = definition.to_workflow(found.head.id, found.version, catalog)
    return {
        **_item(controller, found.head),
        "name": definition.name,
        "description": definition.description,
        "version": found.version,
        "steps": [_step_view(step) for step in workflow.steps],
        "plan": _plan_view(workflow, catalog, history),
    }


def _step_view(step: Step) -> WorkflowStepView:
    """A step in the very shape that is sent in."""
    return {
        "name": step.name,
        "service": step.service,
        "optional": step.optional,
        "dependsOn": list(step.depends_on),
        "timeoutSeconds": step.timeout,
        "retry": {
            "maxTries": step.retry.max_tries,
            "baseSeconds": step.retry.base,
            "factor": step.retry.factor,
            "capSeconds": step.retry.cap,
        },
        "onlyIf": step.only_if,
    }


def _plan_view(
    workflow: Workflow,
    catalog: Mapping[str, StepDeclaration],
    history: History = NOTHING_KNOWN,
    declared: float | None = None,
) -> WorkflowPlan:
    """How it will run; how long it takes as this tenant's runs of it did, else as declared, else as its path does."""
    planned = plan(workflow, catalog, took=history.steps)
    lately = history.workflows.get(workflow.id)
    seconds = declared if declared is not None else planned.estimated_seconds
    return {
        "order": list(planned.order),
        "waves": [list(wave) for wave in planned.waves],
        "criticalPath": list(planned.critical_path),
        "estimatedSeconds": seconds if lately is None else lately,
    }
