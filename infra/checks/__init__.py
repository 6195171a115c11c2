"""Proves what can be proven of ``infra/`` without Azure: ``python -m infra.checks``.

The Bicep files are parsed, checked name by name, and evaluated for each profile into the plain resources that Azure
would be sent. The thirty properties in :mod:`infra.checks.properties` are asserted on those values and on what the
code of the app says. Nothing here compiles with the Bicep command line or asks Azure.
"""
