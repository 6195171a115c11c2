"""Custom workflows as callers write them: the JSON shape, checked, and what it becomes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from layers.catalog import CATALOG, StepDeclaration
from orchestration.errors import FieldError, InvalidRequest
from orchestration.retry import STEP_RETRY, RetryPolicy
from orchestration.schemas import field_errors
from orchestration.workflow.plan import plan
from orchestration.workflow_conditions import Condition, condition_problems
from orchestration.workflows import BUILT_IN, MAX_STEPS, Step, Workflow, find_problems

_ID = r"^[a-z][a-z0-9_-]{1,63}$"
_StepName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
_Text = StringConstraints(strip_whitespace=True, min_length=1, max_length=100)


def is_workflow_id(text: str) -> bool:
    """Whether a workflow can have this id."""
    return re.fullmatch(_ID, text, re.ASCII) is not None


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_alias=True, validate_by_name=False
    )


class RetryIn(_Model):
    """How a step is tried again within an attempt of its job. Seconds."""

    max_tries: Annotated[int, Field(ge=1, le=10)] = STEP_RETRY.max_tries
    base_seconds: Annotated[float, Field(ge=0, le=60)] = STEP_RETRY.base
    factor: Annotated[float, Field(ge=1, le=10)] = STEP_RETRY.factor
    cap_seconds: Annotated[float, Field(ge=0, le=300)] = STEP_RETRY.cap


class StepIn(_Model):
    """One step of a definition."""

    name: _StepName
    service: Annotated[str, _Text]
    optional: bool = False
    depends_on: Annotated[tuple[_StepName, ...], Field(max_length=MAX_STEPS)] = ()
    timeout_seconds: Annotated[float, Field(ge=1, le=1500)] = 180.0
    retry: RetryIn | None = None
    only_if: Condition | None = None

    def to_step(self) -> Step:
        """The step that the engine runs."""
        given = self.retry or RetryIn()
        policy = RetryPolicy(
            max_tries=given.max_tries, base=given.base_seconds, factor=given.factor, cap=given.cap_seconds
        )
        return Step(
            name=self.name,
            service=self.service,
            optional=self.optional,
            depends_on=self.depends_on,
            timeout=self.timeout_seconds,
            retry=policy,
            only_if=self.only_if,
        )


class WorkflowDefinition(_Model):
    """The body of ``POST workflows`` and ``PUT workflows/{id}``."""

    id: Annotated[str, StringConstraints(pattern=_ID)] | None = None
    name: Annotated[str, _Text]
    description: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)] = ""
    steps: Annotated[tuple[StepIn, ...], Field(min_length=1, max_length=MAX_STEPS)]

    def to_workflow(
        self, workflow_id: str, version: int, catalog: Mapping[str, StepDeclaration] = CATALOG
    ) -> Workflow:
        """The workflow that jobs take their snapshot of. The definition must be valid."""
        workflow = self._plain(workflow_id, version)
        return replace(workflow, estimated_seconds=plan(workflow, catalog).estimated_seconds)

    def problems(self, catalog: Mapping[str, StepDeclaration] = CATALOG) -> list[FieldError]:
        """What fields alone cannot tell: services, inputs, order."""
        if self.id in BUILT_IN:
            detail = f"{self.id} is predefined: take another id, or leave it out"
            return [FieldError(pointer="/id", detail=detail)]
        plain = self._plain("", 0)
        return find_problems(plain, catalog) or condition_problems(plain, catalog)

    def _plain(self, workflow_id: str, version: int) -> Workflow:
        return Workflow(
            id=workflow_id,
            version=version,
            description=self.description,
            estimated_seconds=0.0,
            steps=tuple(step.to_step() for step in self.steps),
        )


def parse_definition(value: Any, catalog: Mapping[str, StepDeclaration] = CATALOG) -> WorkflowDefinition:
    """Check a definition as a whole. Raises :class:`InvalidRequest` that names places, steps and cures."""
    try:
        definition = WorkflowDefinition.model_validate(value)
    except ValidationError as error:
        raise InvalidRequest(field_errors(error)) from error
    if problems := definition.problems(catalog):
        raise InvalidRequest(problems)
    return definition
