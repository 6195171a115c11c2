"""Errors of the REST API and of refused handshakes, in the service's shape: `code` and `message`."""

import json

from aiohttp import web


class ApiError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> web.Response:
        """The HTTP answer; the code is also a header, as in every Azure service."""
        body = json.dumps({"code": self.code, "message": self.message})
        return web.Response(
            status=self.status,
            text=body,
            content_type="application/json",
            headers={"x-ms-error-code": self.code},
        )
