"""A local stand-in for the Azure Functions host and its Python worker.

It loads a Python v2 ``function_app.py`` by path, indexes it with the worker's rules and serves its HTTP, timer and
Service Bus triggers, using the conversions of the ``azure-functions`` package itself.
"""
