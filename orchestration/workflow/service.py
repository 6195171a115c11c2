"""WorkflowService: the workflows of a tenant, and which one a request runs.

Every change is a new version. A job takes a snapshot at submission, so no change touches a job that runs.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from layers.catalog import StepDeclaration
from orchestration.errors import FieldError, InvalidRequest, RequestRefused, RowConflict, RowExists
from orchestration.jobs import stamp
from orchestration.management.audit import Action, Actor, AuditTrail
from orchestration.management.estimates import Estimates
from orchestration.ports import Clock
from orchestration.schemas import GenerateRequest
from orchestration.workflow.definitions import WorkflowDefinition, is_workflow_id, parse_definition
from orchestration.workflow.store import WorkflowHead, WorkflowStore
from orchestration.workflow_conditions import for_request
from orchestration.workflows import BUILT_IN, Workflow, with_flags, workflow_for

MAX_WORKFLOWS = 200
MAX_VERSIONS = 1000
_LOOKS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowVersion:
    """One version of a workflow."""

    head: WorkflowHead
    version: int
    definition: WorkflowDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowService:
    """Manages custom workflows.

    All methods raise :class:`StorageUnavailable`, and for what the caller can mend :class:`InvalidRequest` or
    :class:`RequestRefused`.
    """

    store: WorkflowStore
    audit: AuditTrail
    clock: Clock
    catalog: Mapping[str, StepDeclaration]
    estimates: Estimates

    async def chosen(self, request: GenerateRequest, tenant: str) -> Workflow:
        """The workflow that a request runs, its conditions and ``include...`` flags applied."""
        if request.workflow_type != "custom":
            return workflow_for(request.type, request.workflow_type, request.flags)
        workflow_id = request.workflow_id or ""
        head = await self._head_or_none(tenant, workflow_id)
        definition = (
            await self.store.definition(tenant, workflow_id, head.active) if head and head.active else None
        )
        if head is None or definition is None:
            detail = "names no workflow that is active for this tenant"
            raise InvalidRequest([FieldError(pointer="/workflowId", detail=detail)])
        workflow = definition.to_workflow(workflow_id, head.active, self.catalog)
        return with_flags(for_request(workflow, request), request.flags)

    async def of_tenant(self, tenant: str) -> list[WorkflowHead]:
        """The tenant's workflows, by id."""
        return await self.store.heads(tenant, limit=MAX_WORKFLOWS)

    async def get(self, tenant: str, workflow_id: str, version: int | None = None) -> WorkflowVersion:
        """A version of a workflow: this one, else the active one, else the latest. 404 for what there is not."""
        head = await self._head(tenant, workflow_id)
        wanted = version or head.active or head.latest
        definition = await self.store.definition(tenant, workflow_id, wanted)
        if definition is None:
            raise _not_found(f"{workflow_id} has no version {wanted}")
        return WorkflowVersion(head=head, version=wanted, definition=definition)

    async def create(self, actor: Actor, value: Any) -> WorkflowVersion:
        """A new workflow, active at once. 409 for an id that is taken, or one workflow too many."""
        definition = parse_definition(value, self.catalog)
        if len(await self.of_tenant(actor.tenant)) >= MAX_WORKFLOWS:
            detail = f"a tenant has at most {MAX_WORKFLOWS} workflows: delete one"
            raise RequestRefused(detail, code="too_many_workflows", status=409)
        now = stamp(self.clock.now())
        head = WorkflowHead(
            id=definition.id or f"wf-{secrets.token_hex(6)}",
            name=definition.name,
            description=definition.description,
            latest=1,
            active=1,
            created_at=now,
            updated_at=now,
        )
        try:
            await self.store.insert(actor.tenant, head, definition)
        except RowExists as error:
            raise RequestRefused(
                f"{head.id} exists: change it with PUT, or take another id",
                code="workflow_exists",
                status=409,
            ) from error
        await self._note(actor, f"{head.id} created")
        return WorkflowVersion(head=head, version=1, definition=definition)

    async def update(self, actor: Actor, workflow_id: str, value: Any) -> WorkflowVersion:
        """A new version, which is not active yet. 404, and 409 for a predefined workflow."""
        definition = parse_definition(value, self.catalog)
        if definition.id not in (None, workflow_id):
            raise InvalidRequest([FieldError(pointer="/id", detail="differs from the one in the path")])
        for _ in range(_LOOKS):
            head = await self._own_head(actor.tenant, workflow_id)
            if head.latest >= MAX_VERSIONS:
                detail = f"a workflow has at most {MAX_VERSIONS} versions: create another one"
                raise RequestRefused(detail, code="too_many_versions", status=409)
            changed = replace(
                head,
                name=definition.name,
                description=definition.description,
                latest=head.latest + 1,
                updated_at=stamp(self.clock.now()),
            )
            try:
                await self.store.replace(actor.tenant, changed, definition)
            except RowConflict:
                continue  # changed just now: ours becomes the version after that
            await self._note(actor, f"{workflow_id} version {changed.latest} created")
            return WorkflowVersion(head=changed, version=changed.latest, definition=definition)
        raise _busy(workflow_id)

    async def activate(self, actor: Actor, workflow_id: str, version: int | None) -> WorkflowVersion:
        """Let new jobs run this version, or the latest. 404, and 422 for a version that there is not."""
        for _ in range(_LOOKS):
            head = await self._own_head(actor.tenant, workflow_id)
            wanted = version or head.latest
            definition = await self.store.definition(actor.tenant, workflow_id, wanted)
            if definition is None:
                detail = f"{workflow_id} has versions 1 to {head.latest}"
                raise InvalidRequest([FieldError(pointer="/version", detail=detail)])
            changed = replace(head, active=wanted, updated_at=stamp(self.clock.now()))
            try:
                await self.store.replace(actor.tenant, changed)
            except RowConflict:
                continue  # changed just now: look again
            await self._note(actor, f"{workflow_id} version {wanted} activated")
            return WorkflowVersion(head=changed, version=wanted, definition=definition)
        raise _busy(workflow_id)

    async def delete(self, actor: Actor, workflow_id: str) -> None:
        """Remove a workflow with all versions; jobs that run it go on."""
        await self.store.delete(actor.tenant, await self._own_head(actor.tenant, workflow_id))
        await self._note(actor, f"{workflow_id} deleted")

    async def _head_or_none(self, tenant: str, workflow_id: str) -> WorkflowHead | None:
        """Ids that are none are not looked for: user text never becomes a key."""
        return await self.store.head(tenant, workflow_id) if is_workflow_id(workflow_id) else None

    async def _head(self, tenant: str, workflow_id: str) -> WorkflowHead:
        head = await self._head_or_none(tenant, workflow_id)
        if head is None:
            raise _not_found("there is no such workflow")
        return head

    async def _own_head(self, tenant: str, workflow_id: str) -> WorkflowHead:
        if workflow_id in BUILT_IN:
            raise RequestRefused(
                f"{workflow_id} is predefined: create one of your own from it",
                code="workflow_predefined",
                status=409,
            )
        return await self._head(tenant, workflow_id)

    async def _note(self, actor: Actor, what: str) -> None:
        await self.audit.record(actor, Action.WORKFLOW, "", what)


def _not_found(detail: str) -> RequestRefused:
    return RequestRefused(detail, code="workflow_not_found", status=404)


def _busy(workflow_id: str) -> RequestRefused:
    return RequestRefused(f"{workflow_id} is being changed; repeat", code="conflict", status=409)
