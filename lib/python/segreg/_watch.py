"""Watches: descriptors for event loops."""

from __future__ import annotations

import ctypes
import os
import threading
import warnings
from typing import Any

from . import _native
from ._errors import ClosedError
from ._handle import Handle
from ._native import lib
from ._scope import ClosingScope


class Watch(ClosingScope):
    """A descriptor that becomes readable when there is something new. Made by Registry.watch.

    select, selectors and asyncio take the object itself, by fileno(). Look first, then wait until it is readable, call
    clear(), and look again: see segreg_watch(3). close(), or the end of a with statement, closes the descriptor. A
    forked child closes its copy, and makes a watch of its own.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._c = _native.Watch(fd=-1)
        self._lock = threading.Lock()  # of a close, which only one thread makes
        self._forks = handle.forks

    @property
    def closed(self) -> bool:
        """Whether the descriptor is closed."""
        return bool(self._c.fd < 0)

    def fileno(self) -> int:
        """The descriptor. Do not read it."""
        if self.closed:
            raise ValueError("the watch is closed")
        return int(self._c.fd)

    def clear(self) -> None:
        """Make the descriptor unreadable until the next event."""
        self._handle.call(lib.segreg_watch_clear, ctypes.byref(self._c))

    def close(self) -> None:
        """Close the descriptor. Does nothing if it is closed."""
        if self._forks != self._handle.forks:  # before the lock, which a thread of the parent may have had at the fork
            self._close_copy()
            return
        with self._lock:
            if self._c.fd >= 0:
                try:
                    self._handle.call(lib.segreg_unwatch, ctypes.byref(self._c))
                except ClosedError:
                    self._close_copy()

    def _close_copy(self) -> None:
        fd, self._c.fd = self._c.fd, -1
        if fd >= 0:
            os.close(fd)


    def __reduce__(self) -> Any:
        raise TypeError("a watch cannot be pickled: make one in the other process")

    def __del__(self) -> None:
        if self._c.fd >= 0 and not self._handle.forgotten:
            self.close()
            warnings.warn("a watch was not closed", ResourceWarning, source=self)

    def __repr__(self) -> str:
        return f"<segreg.Watch{', closed' if self.closed else ''}>"
