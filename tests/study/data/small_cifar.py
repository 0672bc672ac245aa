"""A small archive in CIFAR-10's format and a local server that sends it, or fails to."""

import contextlib
import hashlib
import io
import pickle
import tarfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from torchvision.datasets import CIFAR10

from tests.study.data.helpers import random_pixels

BASE_FOLDER = CIFAR10.base_folder
CLASSES = [f"class {label}" for label in range(10)]


@dataclass(frozen=True)
class SmallCifar:
    """The files of a data set in CIFAR-10's format, with 20 images for training and 10 for test."""

    files: Mapping[str, bytes]
    archive: bytes

    @classmethod
    def make(cls) -> "SmallCifar":
        files = {
            name: pickle.dumps({"data": random_pixels(10, seed).reshape(10, -1), "labels": list(range(10))})
            for seed, name in enumerate(["data_batch_1", "data_batch_2", "test_batch"])
        }
        files["batches.meta"] = pickle.dumps({"label_names": CLASSES})
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(f"{BASE_FOLDER}/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return cls(files, packed.getvalue())

    def dataset(self, url: str) -> type[CIFAR10]:
        """CIFAR-10 as torchvision describes it, with these files and checksums instead."""
        md5 = {name: hashlib.md5(content).hexdigest() for name, content in self.files.items()}

        class Small(CIFAR10):
            tgz_md5 = hashlib.md5(self.archive).hexdigest()
            train_list = [[name, md5[name]] for name in ("data_batch_1", "data_batch_2")]  # noqa: RUF012
            test_list = [["test_batch", md5["test_batch"]]]  # noqa: RUF012
            meta = {  # noqa: RUF012
                "filename": "batches.meta",
                "key": "label_names",
                "md5": md5["batches.meta"],
            }

        Small.url = url
        return Small

    def unpack(self, data_dir: Path) -> Path:
        folder = data_dir / BASE_FOLDER
        folder.mkdir(parents=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        return folder


@dataclass
class Site:
    """What a local server answers, and what it was asked.

    Attributes:
        body: what is sent.
        promised: the length that the header states.
        status: the HTTP status.
        go_on: where it is not set the server falls silent in the middle of the body.
    """

    body: bytes
    promised: int
    status: int = 200
    go_on: threading.Event = field(default_factory=threading.Event)
    url: str = ""
    requests: int = 0

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requests += 1
        request.send_response(self.status)
        request.send_header("Content-Length", str(self.promised))
        request.end_headers()
        half = len(self.body) // 2
        request.wfile.write(self.body[:half])
        request.wfile.flush()
        self.go_on.wait(timeout=60)
        request.wfile.write(self.body[half:])


@contextlib.contextmanager
def serve(body: bytes, *, promised: int | None = None, status: int = 200) -> Iterator[Site]:
    """Serve ``body`` on loopback, whatever the path."""
    site = Site(body, len(body) if promised is None else promised, status)
    site.go_on.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # torchvision asks once for the headers alone, and hangs up.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                site.answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}/archive.tar.gz"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.go_on.set()
        server.shutdown()
        thread.join()
        server.server_close()
