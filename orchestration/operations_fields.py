"""What each field of a request body means, by model and wire name. See :mod:`orchestration.contract.operations`.

Words stand here and not in the models, which are imported where calls are answered.
"""

from __future__ import annotations

from collections.abc import Mapping

FIELDS: Mapping[str, Mapping[str, str]] = {
    "GenerateRequest": {
        "type": "What to make: an article, verdicts on the citations of given content, or a research package.",
        "topic": "What it is about. Optional for `citation_verification`.",
        "contentType": "The form of the article; each has its own template and length.",
        "audience": "Who reads it.",
        "content": "Content to verify; needed for `citation_verification`.",
        "targetLength": "short: 400-700 words, medium: 800-1,300, long: 1,500-2,500; less where the evidence ends.",
        "toneOfVoice": "The voice of the editorial sentences.",
        "purpose": "What the article is for.",
        "keyPoints": "What it should speak about.",
        "searchKeywords": "Words that readers search for.",
        "tags": "Labels for listings.",
        "includeResearch": "Add the research steps (true) or leave them out (false); absent: the workflow decides.",
        "includeCitations": "The same for verdicts on citations.",
        "includeEEAT": "The same for the report on experience, expertise, authority and trust.",
        "includeSchemaMarkup": "The same for JSON-LD.",
        "includeSEOOptimization": "The same for queries and platform variants.",
        "workflowType": "Which workflow runs; `custom` goes with `workflowId`.",
        "workflowId": "A workflow of the tenant's own.",
        "priority": "high and urgent overtake what waits; low waits for a quiet moment.",
        "async": "false: wait for the result in this call, as long as the service allows.",
        "callbackUrl": "https address to call when the job has ended, or for `webhookEvents`.",
        "webhookEvents": "Events to be called for; absent: the last one alone.",
        "userId": "A label for listings; says nothing about who asks.",
        "projectId": "A label for listings.",
        "sources": "Own material to write from.",
        "sourcesOnly": "Use the given sources and nothing else.",
        "since": "Oldest publication date of a source.",
        "author": "Who signs the article; never invented.",
        "platforms": "Where variants of the article are to be shown.",
        "language": "`en`; others only where a language model writes.",
        "scheduledFor": "Not before this time, at most 30 days ahead.",
        "deadlineSeconds": "Longest time that an attempt may run.",
        "budgetTokens": "Most tokens that language models may read and write for the job.",
    },
    "ContentIn": {"text": "The content.", "format": "How it is written."},
    "SourceIn": {
        "title": "Its title.",
        "url": "Where it is; fetched where there is no text.",
        "text": "Its text.",
        "author": "Who wrote it.",
        "published": "When it was published.",
        "mustUse": "The article must cite it.",
    },
    "AuthorIn": {
        "name": "The name.",
        "url": "A page about the author.",
        "credentials": "Why to believe the author.",
    },
    "ForkRequest": {
        "fromStep": "The first step that runs again; the ones before it are reused.",
        "request": "Fields of the request to change.",
        "workflow": "Another workflow type.",
    },
    "RedriveRequest": {
        "queue": "Whose dead letters.",
        "sequenceNumbers": "These letters.",
        "jobIds": "The letters of these jobs.",
        "all": "All of them, at most 1,000 a call.",
        "purgeMalformed": "Remove letters that never made a job.",
    },
    "WorkflowDefinition": {
        "id": "Its id; made where none is given.",
        "name": "Its name.",
        "description": "What it is for.",
        "steps": "Its steps; their order follows from what they provide and require.",
    },
    "StepIn": {
        "name": "Its name within the workflow.",
        "service": "What it does: one of the services of the predefined workflows.",
        "optional": "The job goes on without it, with a warning.",
        "dependsOn": "Steps that must be through before it, beyond those that it needs.",
        "timeoutSeconds": "Longest time that one try may take.",
        "retry": "How it is tried again within an attempt.",
        "onlyIf": "Leave it out for requests in which this field is empty.",
    },
    "RetryIn": {
        "maxTries": "Tries in all.",
        "baseSeconds": "Pause after the first try.",
        "factor": "What each pause is longer than the one before.",
        "capSeconds": "Longest pause.",
    },
    "Activation": {"version": "The version; the latest where none is given."},
    "CallTest": {"url": "Whom to call."},
    "KeyRequest": {
        "name": "What the key is for.",
        "role": "What its holder may do; at most what you may.",
        "expiresInDays": "How long it lives.",
    },
}
