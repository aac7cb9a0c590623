"""What the tests of the Python package share: a registry in a directory of its own, and segments in it.

Each test has a docstring: a sentence that is true when the test passes.
"""

import contextlib
import os
import pathlib
import re
import shutil
import sys
import tempfile
import threading
import time
import unittest

import segreg

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "lib" / "python"
PATIENCE = 120 * int(os.environ.get("T_PATIENCE", "1"))  # seconds after which something is hung


def eventually(condition):
    """Wait until condition() is true. No test waits for a time to pass."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain")
        time.sleep(0.001)


class World(unittest.TestCase):
    """A base directory with a registry, fresh for each test."""

    def setUp(self):
        self.root = os.path.realpath(tempfile.mkdtemp(prefix="segreg-python-"))
        self.base = os.path.join(self.root, "data")
        os.mkdir(self.base)
        self.directory = os.path.join(self.root, "registry")
        self.addCleanup(self.remove)
        self.unraisable = []
        hook, sys.unraisablehook = sys.unraisablehook, self.note_unraisable
        self.addCleanup(setattr, sys, "unraisablehook", hook)
        self.reg = segreg.open(self.directory, create=True, base=self.base, label="test")
        self.addCleanup(self.end)

    def note_unraisable(self, event):
        """Note the words alone: the traceback would keep alive what is about to end."""
        self.unraisable.append(f"{event.exc_type.__name__}: {event.exc_value}")

    def end(self):
        self.reg.close()
        self.assertEqual(self.unraisable, [], "an exception that nobody could catch")

    def remove(self):
        for lock in pathlib.Path(self.root).glob("*/registry.lock"):
            for region in re.findall(rb"^region (/segreg-[0-9a-f]+)", lock.read_bytes(), re.M):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink("/dev/shm" + region.decode())
        shutil.rmtree(self.root, ignore_errors=True)

    def write(self, path, files):
        """A directory with files: a dict from names to bytes."""
        os.makedirs(os.path.join(self.base, path))
        for name, contents in files.items():
            pathlib.Path(self.base, path, name).write_bytes(contents)

    def add(self, id, files=None):
        """A live segment seg-ID with a file "data"."""
        self.write(f"seg-{id}", files or {"data": b"segment %d" % id})
        self.reg.register(id, f"seg-{id}")

    def exists(self, id):
        return os.path.exists(os.path.join(self.base, f"seg-{id}"))

    def lanes(self):
        return len(self.reg.lanes())


class Thread(threading.Thread):
    """A thread whose result, or exception, join() returns or raises."""

    def __init__(self, function, *args):
        super().__init__(daemon=True)
        self.function, self.args, self.result, self.error = function, args, None, None
        self.start()

    def run(self):
        try:
            self.result = self.function(*self.args)
        except BaseException as error:
            self.error = error

    def join(self, timeout=PATIENCE):
        super().join(timeout)
        if self.is_alive():
            raise AssertionError("a thread hangs")
        if self.error is not None:
            raise self.error
        return self.result
