"""uvicorn, made to start and stop within milliseconds, so that every test can have a sandbox of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette


class QuickServer(uvicorn.Server):
    """A uvicorn server that starts and stops at once: it waits for an event instead of polling ten times a second."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="critical",
                access_log=False,
                lifespan="off",
                ws="none",
                date_header=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=60,
            )
        )
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait until `leave` is called."""
        self._loop = asyncio.get_running_loop()
        self.ready.set()
        if not self.should_exit:
            await self._over.wait()

    def leave(self) -> None:
        """End the server, from any thread."""
        self.should_exit = True
        if self._loop:
            self._loop.call_soon_threadsafe(self._over.set)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's names
        """SIGINT and SIGTERM end it and are not raised once more."""
        self.leave()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what listens and drop every connection."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            transport: Any = connection.transport
            transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()
        await asyncio.sleep(0)
        for plug in sockets or []:
            plug.close()
