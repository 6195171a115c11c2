"""Loads the module of an app and finds its one ``FunctionApp``, as the Python worker does."""

import importlib.util
import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import azure.functions as func

from localcloud.host.errors import AppLoadError

_NUMBERS = itertools.count(1)
_TROUBLESHOOTING = "https://aka.ms/functions-modulenotfound"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedApp:
    """An imported app and the way to take it out of the process again."""

    app: func.FunctionRegister
    script: Path
    unload: Callable[[], None]


def load_app(directory: Path, script_name: str = "function_app.py") -> LoadedApp:
    """Import the script of an app under a module name of its own and find its ``FunctionApp``.

    Must be called on the thread of the running event loop, because the worker imports there and module-level code may
    rely on it (``asyncio.get_running_loop()`` works, ``asyncio.run()`` does not).

    Raises:
        AppLoadError: there is no script, importing it failed, or it does not define exactly one app.
    """
    script = directory / script_name
    if not script.is_file():
        raise AppLoadError(f"No functions were found: {script} does not exist.")
    unload = _Unloader(script)
    try:
        module = _import(script)
        return LoadedApp(app=_only_app(module, script_name), script=script, unload=unload)
    except AppLoadError:
        unload()
        raise


class _Unloader:
    """Undoes an import: the path entry, the app's module and the modules that came from its directory.

    A directory that was importable before belongs to the process, so its other modules stay.
    """

    def __init__(self, script: Path) -> None:
        self._script = script
        self._path = str(script.parent)
        self._owned = self._path not in sys.path
        self._before = set(sys.modules)
        sys.path.insert(0, self._path)

    def __call__(self) -> None:
        if self._path in sys.path:
            sys.path.remove(self._path)
        for name in set(sys.modules) - self._before:
            if self._is_ours(getattr(sys.modules[name], "__file__", None)):
                del sys.modules[name]

    def _is_ours(self, origin: str | None) -> bool:
        if origin is None:
            return False
        return Path(origin) == self._script or (self._owned and Path(origin).is_relative_to(self._path))


def _import(script: Path) -> ModuleType:
    # A name of its own keeps two apps in one process apart, both of which call their module function_app.
    name = f"localcloud_loaded_app_{next(_NUMBERS)}"
    spec = importlib.util.spec_from_file_location(name, script)
    if spec is None or spec.loader is None:
        raise AppLoadError(f"{script} is not a Python module.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        raise AppLoadError(
            f"ModuleNotFoundError: {error}. Cannot find module. Please check the requirements.txt file for the missing "
            f"module. For more info, please refer the troubleshooting guide: {_TROUBLESHOOTING}. "
            f"Current sys.path: {sys.path}"
        ) from error
    except Exception as error:
        raise AppLoadError(f"{type(error).__name__}: {error}") from error
    return module


def _only_app(module: ModuleType, script_name: str) -> func.FunctionRegister:
    found: func.FunctionRegister | None = None
    for value in vars(module).values():
        if not isinstance(value, func.FunctionRegister):
            continue
        if found is not None:
            raise AppLoadError(
                f"ValueError: More than one {type(found).__name__} or other top level function app instances are defined."
            )
        found = value
    if found is None:
        raise AppLoadError(f"ValueError: Could not find top level function app instances in {script_name}.")
    return found
