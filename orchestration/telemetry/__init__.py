"""Telemetry on the OpenTelemetry API alone: spans, metrics and log records that say which job they belong to.

Who exports it is decided outside: in Azure the Functions worker configures Azure Monitor before the app is loaded,
locally the runner makes the same call. Without either everything here costs next to nothing
(docs/telemetry.md, docs/decisions/0013-telemetry.md).
"""
