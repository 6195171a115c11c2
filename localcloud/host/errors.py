"""What can go wrong while an app is loaded, in the words of the host and the Python worker."""


class HostError(Exception):
    """Base of every error this package raises on purpose."""


class AppLoadError(HostError):
    """The app cannot be indexed; no function of it is served."""


class FunctionLoadError(AppLoadError):
    """One function has a signature the Python worker refuses; the whole app fails with it."""

    def __init__(self, function_name: str, reason: str) -> None:
        super().__init__(f"cannot load the {function_name} function: {reason}")


class FunctionInError(HostError):
    """One function cannot be started; the others run without it."""


class ConfigurationError(HostError):
    """``host.json`` or ``local.settings.json`` cannot be used."""
