"""A desk's pages on a loopback port, and a browser that opens them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from playwright.sync_api import Browser, sync_playwright

from tests.apps.page_states import page_of
from tests.line.rig import tool
from tests.passport.desk import Desk

STOP_S = 20


@contextmanager
def serving(desk: Desk) -> Iterator[str]:
    """-> the address of its battery's page"""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(desk.app(), log_level="error"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}{page_of(desk)}"
        finally:
            server.should_exit = True
            thread.join(STOP_S)
    desk.store.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=tool("chromium"), args=["--no-sandbox"])
        yield opened
        opened.close()
