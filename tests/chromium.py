"""A headless Chromium of this machine, driven through its DevTools protocol: pages, keys, a pointer, what was fetched.

Waiting is the page's: it tells when a condition holds, and how long it may take.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_SECONDS = 20
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
    "--remote-debugging-port=0",
]  # fmt: skip
KEYS = {"Tab": 9, "Enter": 13, " ": 32, "ArrowDown": 40, "ArrowUp": 38}
TEXT = {"Enter": "\r", " ": " "}
SHIFT = 8


def executable() -> str | None:
    """Where Chromium is, if it is anywhere."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """The tab of a running Chromium. ``events`` is all that the browser has told; whoever begins anew empties it."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._numbers = connection, itertools.count(1)
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol and its answer."""
        number = next(self._numbers)
        to = {"sessionId": self._session} if self._session else {}
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters, **to}))
        while True:
            told = self._receive()
            if told.get("id") == number:
                assert "error" not in told, f"{method}: {told['error']}"
                return dict(told["result"])

    def _receive(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._connection.recv(timeout=PATIENCE_SECONDS))
        if "method" in told:
            self.events.append(told)
        return told

    def open(self, address: str, *, ready: str = "true") -> None:
        """Load a page and wait until ``ready`` holds in it."""
        before = len(self.events)
        done = self.call("Page.navigate", url=address)
        assert "errorText" not in done, done
        while not any(event["method"] == "Page.loadEventFired" for event in self.events[before:]):
            self._receive()
        self.until(ready)

    def value(self, expression: str) -> Any:
        """What an expression of the page comes to, a promise included."""
        done = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, f"{expression}: {done['exceptionDetails']}"
        return done["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until a condition holds; it is looked at again whenever the document changes."""
        self.value(
            f"""new Promise((done, fail) => {{
                const look = () => {{ if ({condition}) {{ observer.disconnect(); done(true); }} }};
                const observer = new MutationObserver(look);
                observer.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
                setTimeout(() => fail(new Error("not within {PATIENCE_SECONDS} s")), {PATIENCE_SECONDS * 900});
                look();
            }})"""
        )

    def type(self, text: str) -> None:
        """Type into whatever has the focus."""
        self.call("Input.insertText", text=text)

    def press(self, key: str, *, shift: bool = False) -> None:
        """One key, down and up."""
        known = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": KEYS[key]}
        modifiers = SHIFT if shift else 0
        text = {"text": TEXT[key]} if key in TEXT else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", modifiers=modifiers, **known, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", modifiers=modifiers, **known)

    def click(self, selector: str) -> None:
        """The pointer on the middle of an element, pressed where it is seen: what lies above it gets the click."""
        where = self.value(
            f"""(() => {{
                const found = document.querySelector({json.dumps(selector)});
                found.scrollIntoView({{ block: "center" }});
                const box = found.getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2];
            }})()"""
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=where[0], y=where[1], button="left", clickCount=1)

    def size(self, width: int, height: int, *, mobile: bool = False) -> None:
        """The size of the screen, in CSS pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def picture(self, path: Path) -> None:
        """The whole page as PNG, to be looked at."""
        done = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(done["data"]))

    @property
    def requests(self) -> list[str]:
        """Every address that was asked for."""
        return [
            event["params"]["request"]["url"] for event in self.events if event["method"] == "Network.requestWillBeSent"
        ]

    @property
    def problems(self) -> list[str]:
        """Errors of scripts, and what the console was told: a policy that was broken, a file that was not there."""
        told = {
            "Runtime.exceptionThrown": lambda event: str(event["exceptionDetails"]),
            "Log.entryAdded": lambda event: event["entry"]["text"],
            "Runtime.consoleAPICalled": lambda event: str(event["args"]),
        }
        return [told[event["method"]](event["params"]) for event in self.events if event["method"] in told]


@contextlib.contextmanager
def running(program: str, folder: Path) -> Iterator[Page]:
    """Start Chromium with its state in ``folder``, which has to be empty, and end it; its one tab."""
    with subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={folder}", "about:blank"], stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stderr
            said = []
            for line in process.stderr:
                said.append(line)
                if line.startswith("DevTools listening on "):
                    break
            else:
                raise AssertionError(f"Chromium did not start: {''.join(said)[-2000:]}")
            with connect(said[-1].split()[-1], max_size=None, proxy=None) as connection:
                yield Page(connection)
        finally:
            process.terminate()
