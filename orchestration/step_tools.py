"""Connects what steps may reach: the library, the open web, the language model. Part of the composition root."""

from __future__ import annotations

from collections.abc import Callable

from layers.contract import LanguageModel, ResearchProvider, Tools
from orchestration.adapters.clock import SystemClock
from orchestration.adapters.managed_identity import ManagedIdentity
from orchestration.breaker import Breaker
from orchestration.circuits import Circuits
from orchestration.settings import Settings

PRODUCT = "ContentArchitect"
USER_AGENT = f"{PRODUCT}/0.1"


def research_tools(settings: Settings, circuits: Circuits | None = None) -> Callable[[], Tools]:
    """What steps may reach, made once when the first step runs."""
    made: list[Tools] = []

    def tools() -> Tools:
        if not made:
            made.append(_make_tools(settings, circuits or Circuits()))
        return made[0]

    return tools


def _make_tools(settings: Settings, circuits: Circuits) -> Tools:
    """The library, and what of the open web the settings name; own sources that are pages need no provider."""
    from orchestration.adapters.guarded_http import GuardedClient, Limits
    from orchestration.adapters.guarded_provider import GuardedProvider
    from orchestration.adapters.library_files import FileLibrary
    from orchestration.adapters.pdf_text import MOST_BYTES
    from orchestration.adapters.research_web import Crossref, Wikipedia
    from orchestration.adapters.web_pages import WebPages

    folder = settings.library_dir
    client = GuardedClient(user_agent=USER_AGENT)
    reader = GuardedClient(user_agent=USER_AGENT, limits=Limits(size=MOST_BYTES))
    makers: dict[str, Callable[[], ResearchProvider]] = {
        "wikipedia": lambda: Wikipedia(client),
        "crossref": lambda: Crossref(client),
    }
    guarded: list[ResearchProvider] = []
    for name in [name for name in settings.providers if name in makers]:
        breaker = Breaker(name, SystemClock().monotonic)
        circuits.add(name, breaker.circuit)
        guarded.append(GuardedProvider(makers[name](), breaker))
    return Tools(
        library=FileLibrary(folder) if folder and "library" in settings.providers else None,
        providers=tuple(guarded),
        pages=WebPages(reader, agent=PRODUCT, clock=SystemClock()),
        llm=_language_model(settings, circuits) if settings.has_llm else None,
    )


def _language_model(settings: Settings, circuits: Circuits) -> LanguageModel:
    """The configured model: by key, else on Azure's endpoints by managed identity, else without authorisation."""
    from orchestration.adapters.llm import ChatEndpoint, ChatTarget
    from orchestration.adapters.llm_auth import IDENTITY_SCOPE, identity_headers, key_headers
    from orchestration.adapters.llm_wire import is_azure

    endpoint = settings.llm_endpoint or ""
    if settings.llm_api_key is None and is_azure(endpoint):
        credential = ManagedIdentity()
        headers = identity_headers(lambda: credential.token(IDENTITY_SCOPE))
    else:
        key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else None
        headers = key_headers(endpoint, key)
    target = ChatTarget(
        endpoint=endpoint,
        model=settings.llm_model or "",
        seconds=settings.llm_timeout_seconds,
        price_in=settings.llm_price_input,
        price_out=settings.llm_price_output,
    )
    model = ChatEndpoint(target, headers=headers, clock=SystemClock())
    circuits.add("languageModel", model.breaker.circuit)
    return model
