"""One module per command. Each has ``add_options(parser)`` and ``run(options) -> exit code``.

Modules import nothing beyond the standard library before ``run``: help and the commands that only look at a
running stack work without any set-up.
"""
