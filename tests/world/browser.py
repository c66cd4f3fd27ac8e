"""A real browser without a window, spoken to over two pipes; nothing but it and the page is needed."""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

# A browser reads its third and writes its fourth descriptor, whatever numbers the pipes have here.
MOVED = """import fcntl, os, sys
hear, tell = (fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3])
os.dup2(hear, 3), os.dup2(tell, 4)
os.execv(sys.argv[3], sys.argv[3:])"""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check", "--disable-gpu", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--no-proxy-server",
)  # fmt: skip


def find_browser() -> str | None:
    """A Chromium: named by `VELOZ_BROWSER`, or on the path; None where there is none."""
    named = os.environ.get("VELOZ_BROWSER")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


class Page:
    """A page of a browser of its own.

    Args:
        browser: The program.
        width, height: Of the window.
        dark: What the person prefers.
        touch: Whether it is a phone.
    """

    def __init__(
        self, browser: str, *, width: int = 1280, height: int = 900, dark: bool = False, phone: bool = False
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="veloz-browser-", ignore_cleanup_errors=True)
        told, tell = os.pipe()
        hear, heard = os.pipe()
        flags = [*FLAGS, f"--user-data-dir={self._folder.name}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        self._child = subprocess.Popen(
            [sys.executable, "-c", MOVED, str(told), str(heard), browser, *flags, "about:blank"],
            pass_fds=(told, heard), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(told)
        os.close(heard)
        self._tell, self._hear = open(tell, "wb", buffering=0), open(hear, "rb", buffering=0)  # noqa: SIM115
        self._rest, self._ids, self.events = b"", count(1), list[dict[str, Any]]()
        try:
            self._attach(width, height, dark=dark, phone=phone)
        except BaseException:
            self.close()
            raise

    def _attach(self, width: int, height: int, *, dark: bool, phone: bool) -> None:
        targets = self._ask("Target.getTargets", session="")["targetInfos"]
        page = next(each["targetId"] for each in targets if each["type"] == "page")
        self._session = self._ask("Target.attachToTarget", session="", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.ask(f"{domain}.enable")
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        self.ask("Emulation.setFocusEmulationEnabled", enabled=True)
        self.prefer(dark=dark)

    def prefer(self, *, dark: bool) -> None:
        """What the person prefers."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[feature])

    def open(self, file: Path) -> None:
        """Load a file and wait until its scripts are done."""
        self.ask("Page.navigate", url=file.resolve().as_uri())
        while not any(each["method"] == "Page.loadEventFired" for each in self.events):
            self._read()

    def ask(self, method: str, **args: Any) -> Any:
        """A command of the DevTools protocol."""
        return self._ask(method, session=self._session, **args)

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """A key, pressed and let go."""
        code = {"Enter": 13, "End": 35, "Home": 36, "ArrowDown": 40, "ArrowRight": 39}.get(key, 0)
        for kind in ("keyDown", "keyUp"):
            letter = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **letter)

    def picture(self, file: Path, *, whole: bool = False) -> None:
        """A PNG of what is in sight, or of the whole page."""
        more: dict[str, Any] = {}
        if whole:
            size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
            more = {
                "captureBeyondViewport": True,
                "clip": {"x": 0, "y": 0, "scale": 1, "width": size["width"], "height": size["height"]},
            }
        file.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png", **more)["data"]))

    def _ask(self, method: str, *, session: str, **args: Any) -> Any:
        number = next(self._ids)
        told = {"id": number, "method": method, "params": args} | ({"sessionId": session} if session else {})
        self._tell.write(json.dumps(told).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = self._hear.read(1 << 16)
            if not more:
                raise RuntimeError(f"the browser ended with code {self._child.wait()}")
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        if "method" in found:
            self.events.append(found)
        return found

    def __enter__(self) -> "Page":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the browser."""
        self._tell.close()
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._hear.close()
        self._folder.cleanup()
