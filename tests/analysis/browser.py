"""A headless Chromium driven through chromedriver's WebDriver protocol, without further packages."""

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def missing() -> str:
    """What lacks on this machine for these tests, '' if nothing."""
    names = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"{' and '.join(names)} not on PATH (Debian: chromium, chromium-driver)" if names else ""


class Browser:
    """One page in a browser window."""

    def __init__(self, address: str, profile: Path) -> None:
        options = {"args": [*FLAGS, f"--user-data-dir={profile}"]}
        wanted = {
            "goog:chromeOptions": {**options, "binary": shutil.which("chromium")},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        body = {"capabilities": {"alwaysMatch": wanted}}
        self._address = address
        self._session = f"/session/{self._call('/session', body)['sessionId']}"

    def size(self, width: int, height: int, mobile: bool = False) -> None:
        """Make the page as wide as a screen of so many CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.cdp("Emulation.setDeviceMetricsOverride", metrics)

    def open(self, path: Path) -> None:
        self._call(f"{self._session}/url", {"url": path.as_uri()})

    def run(self, script: str) -> Any:
        """The value that a function body of JavaScript returns."""
        body = {"script": script, "args": []}
        return self._call(f"{self._session}/execute/sync", body)

    def cdp(self, command: str, parameters: dict[str, Any]) -> Any:
        body = {"cmd": command, "params": parameters}
        return self._call(f"{self._session}/goog/cdp/execute", body)

    def log(self, kind: str) -> list[dict[str, Any]]:
        return self._call(f"{self._session}/se/log", {"type": kind})

    def requests(self) -> list[str]:
        """Every address the page has asked for."""
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        sent = [m for m in messages if m["method"] == "Network.requestWillBeSent"]
        return [m["params"]["request"]["url"] for m in sent]

    def close(self) -> None:
        request = urllib.request.Request(self._address + self._session, method="DELETE")
        urllib.request.urlopen(request, timeout=30).close()

    def _call(self, path: str, body: dict[str, Any]) -> Any:
        data = json.dumps(body).encode()
        request = urllib.request.Request(self._address + path, data, method="POST")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser with a fresh profile; it and its driver end with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [shutil.which("chromedriver") or "chromedriver", f"--port={port}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as driver:
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(address)
            page = Browser(address, profile)
            yield page
            page.close()
        finally:
            driver.terminate()


def _wait(address: str) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(f"{address}/status", timeout=5).close()
        except urllib.error.URLError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("chromedriver did not answer within 10 s")
