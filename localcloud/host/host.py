"""One instance of the host: loads an app, serves its functions and stops in order."""

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from localcloud.host.clock import Clock, SystemClock
from localcloud.host.config import read_host_config
from localcloud.host.cors import CorsPolicy
from localcloud.host.http_server import bind
from localcloud.host.indexing import index_app
from localcloud.host.instance import HostInstance, InstanceParts
from localcloud.host.invoker import Outcome
from localcloud.host.keys import load_or_create_keys
from localcloud.host.loading import load_app
from localcloud.host.settings import AppSettings, read_local_settings
from localcloud.host.telemetry import configure_telemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOptions:
    """What a caller decides; everything else comes from the app's own files."""

    app: Path
    data: Path
    """Folder for timer status, singleton locks and keys; shared by the instances of one app."""
    port: int = 0
    """0 takes a free port."""
    instance_id: str | None = None
    """None takes ``WEBSITE_INSTANCE_ID``, or an id that is stable for the app and the port."""
    settings_file: Path | None = None
    """None takes ``local.settings.json`` of the app."""
    enable_auth: bool = False
    functions: Sequence[str] = ()
    """Serve only these; empty serves all."""
    grace_s: float = 10.0
    """How long running functions may go on when the host stops."""


class FunctionHost:
    """Serves one app, for the command line and for tests in the same process.

    Use: ``await host.start()``, ``await host.ready()``, ``await host.invoke(name, text)``, ``await host.stop()``.
    """

    def __init__(
        self, options: HostOptions, *, settings: AppSettings | None = None, clock: Clock | None = None
    ) -> None:
        self._options = options
        self._settings = settings or AppSettings()
        self._clock = clock or SystemClock()
        self._undo = contextlib.ExitStack()
        self._instance: HostInstance | None = None
        self._stopped = False
        self.port = options.port
        """The port that is listened on, after ``start``."""

    @property
    def served(self) -> list[str]:
        """Names of the functions that were started, sorted."""
        return self._started().served

    @property
    def instance_id(self) -> str:
        """The id the app reads as ``WEBSITE_INSTANCE_ID``."""
        given = self._options.instance_id or self._settings.get("WEBSITE_INSTANCE_ID")
        return given or hashlib.sha256(f"{self._options.app}:{self.port}".encode()).hexdigest()

    @property
    def busy_threads(self) -> int:
        """Number of threads that still run a synchronous function; they cannot be ended."""
        return self._started().busy_threads

    async def start(self) -> None:
        """Load and index the app, listen for HTTP and begin to open the other listeners.

        Raises:
            AppLoadError: the app cannot be indexed.
            ConfigurationError: a configuration file cannot be used.
            OSError: the port is taken.
        """
        with contextlib.ExitStack() as undo:
            listener = undo.enter_context(bind(self._options.port))
            undo.callback(self._settings.restore)
            self.port = listener.getsockname()[1]
            self._instance = HostInstance(self._load(undo))
            await self._instance.start(listener)
            self._undo = undo.pop_all()

    async def ready(self) -> None:
        """Wait until every Service Bus receiver is open, or the reason why it cannot be is in the log."""
        await self._started().ready()

    async def worker_lost(self) -> None:
        """Wait until an invocation has run out of time, after which the real host starts its worker process anew.

        All invocations under way have failed then. A caller that owns the process should stop this host and start the
        process again; until it does, the functions run on with what they keep in memory.
        """
        await self._started().worker_lost()

    async def invoke(self, name: str, text: str = "") -> Outcome:
        """Run one function as the admin API does, with an input text, and wait for it.

        Raises:
            KeyError: there is no such function.
        """
        return await self._started().invoke(name, text)

    async def stop(self) -> None:
        """Stop receiving, give running functions their grace time, then end what is left. A second call does nothing."""
        if self._instance is not None and not self._stopped:
            self._stopped = True
            await self._instance.stop(self._options.grace_s)
        self._undo.close()

    def _load(self, undo: contextlib.ExitStack) -> InstanceParts:
        options = self._options
        local = read_local_settings(options.settings_file or options.app / "local.settings.json")
        self._settings.add_local(local.values)
        self._settings.set("WEBSITE_INSTANCE_ID", self.instance_id)
        self._settings.set("WEBSITE_HOSTNAME", f"127.0.0.1:{self.port}")
        config = read_host_config(options.app)
        configure_telemetry(self._settings, options.data / "telemetry")
        loaded = load_app(options.app, self._settings.get("PYTHON_SCRIPT_FILE_NAME") or "function_app.py")
        undo.callback(loaded.unload)
        functions = index_app(loaded.app)
        return InstanceParts(
            settings=self._settings,
            clock=self._clock,
            config=config,
            cors=CorsPolicy(origins=local.cors, credentials=local.cors_credentials),
            keys=load_or_create_keys(options.data / "keys.json") if options.enable_auth else None,
            data=options.data,
            instance_id=self.instance_id,
            functions={function.name: function for function in functions},
            selected=frozenset(options.functions or (function.name for function in functions)),
        )

    def _started(self) -> HostInstance:
        if self._instance is None:
            raise RuntimeError("the host is not started")
        return self._instance
