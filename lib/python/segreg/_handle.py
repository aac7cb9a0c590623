"""One attachment of this process to a registry, as the other classes share it.

The library wants segreg_close to be the last call on a handle. In Python any thread may close a registry at any time,
or drop it. So each call notes in Handle._running that its thread is inside. Close bars further calls, waits until the
others have returned, and only then closes. A thread writes no entry but its own, so calls take no lock for this.

Pins, maps, snapshots and edits keep the handle alive. A handle that nothing uses is closed when it is collected.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
import warnings
import weakref
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Union

from ._errors import BusyError, ClosedError, Error, InvalidError, error_of
from ._native import lib

if TYPE_CHECKING:
    from ._edit import Edit
    from ._maps import Map

PathLike = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]


def failure(code: int) -> Error:
    """The exception for a call of this thread that has just failed."""
    return error_of(code, os.fsdecode(lib.segreg_last_error()))


def c_path(path: PathLike, what: str) -> bytes:
    """A path, or another text, as the library takes it."""
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise InvalidError(f"{what} has a null character: {encoded!r}")
    return encoded


def number(value: int, bits: int, what: str) -> int:
    """An unsigned number that fits into bits. ctypes would cut it off."""
    n = int(value.__index__())
    if not 0 <= n < 1 << bits:
        raise InvalidError(f"{what} is {n}, which is not between 0 and {(1 << bits) - 1}")
    return n


class Handle:
    """A handle of the library, open until close() or until it is collected."""

    def __init__(self, directory: PathLike, options: Any) -> None:
        self.pointer = ctypes.c_void_p()
        self.name = os.fsdecode(directory)
        self.forks = 0  # between this process and the one that opened: what was made before a fork is the parent's
        self.forgotten = False
        self.left = False  # to the views of its maps, whose end closes it
        self.edits: Dict[int, weakref.ref[Edit]] = {}
        self.maps: Dict[int, weakref.ref[Map]] = {}
        self.mapped: Dict[int, str] = {}  # what is still in memory, by the id of its Memory
        self._running: Dict[int, int] = {}  # calls that threads are in, one in another
        self._closing = False
        self._idle = threading.Condition()
        code = lib.segreg_open(c_path(directory, "the directory"), ctypes.byref(options), ctypes.byref(self.pointer))
        if code < 0:
            raise failure(code)
        _handles[id(self)] = weakref.ref(self)

    @property
    def closed(self) -> bool:
        """Whether the handle takes no more calls."""
        return self._closing or not self.pointer

    def call(self, function: Any, *arguments: Any) -> int:
        """Call function with the handle first. Raises what its result means, or returns the result."""
        return self._run(function, None, arguments)

    def call_edit(self, function: Any, edit: Any, *arguments: Any) -> int:
        """Call function with an edit of this handle first."""
        return self._run(function, edit, arguments)

    def _run(self, function: Any, first: Any, arguments: Any) -> int:
        me = threading.get_ident()
        depth = self._running.get(me, 0)
        try:
            self._running[me] = depth + 1
            if self._closing or not self.pointer:
                raise ClosedError("the registry is closed: open it again")
            code: int = function(self.pointer if first is None else first, *arguments)
            if code < 0:
                raise failure(code)
        finally:
            if depth:
                self._running[me] = depth
            else:
                self._running.pop(me, None)
                if self._closing:
                    with self._idle:
                        self._idle.notify_all()
        return code

    def close(self) -> int:
        """Close the handle once no other thread is in a call. Returns the number of pins that it held."""
        if threading.get_ident() in self._running:
            raise BusyError("a callback cannot close the registry whose call it serves: end the call first")
        with self._idle:
            while self._closing and self.pointer:
                self._idle.wait()
            if not self.pointer:
                return 0
            self._close_maps()
            self._closing = True
            try:
                while self._running:
                    self._idle.wait()
            except BaseException:  # such as KeyboardInterrupt: the handle is open as before
                self._closing = False
                self._idle.notify_all()
                raise
            return self._finish()

    def _close_maps(self) -> None:
        found: List[weakref.ref[Map]] = list(self.maps.values())
        for ref in found:
            map_ = ref()
            if map_ is not None:
                map_.close()
        if self.mapped:
            raise BufferError(
                f"{next(iter(self.mapped.values()))} is still in use by a view, so the registry stays open: release "
                "the memoryview, or drop the array that uses it"
            )

    def _finish(self) -> int:
        for ref in list(self.edits.values()):
            edit = ref()
            if edit is not None:
                edit.abort_unlocked()
        pointer, self.pointer = self.pointer, ctypes.c_void_p()
        _handles.pop(id(self), None)
        self._idle.notify_all()
        released = ctypes.c_uint64()
        code = lib.segreg_close(pointer, ctypes.byref(released))
        if code < 0:
            raise failure(code)
        return released.value

    def after_fork(self) -> None:
        """In a forked child: the parent's other threads are not here, and hold none of this handle's locks."""
        self.forks += 1
        me = threading.get_ident()
        self._running = {me: self._running[me]} if me in self._running else {}
        self._closing = False
        self._idle = threading.Condition()
        for ref in list(self.maps.values()):
            map_ = ref()
            if map_ is not None:
                map_.after_fork()

    def forget(self) -> None:
        """At the end of the process, which releases everything: do nothing more."""
        self.forgotten = True
        self.pointer = ctypes.c_void_p()

    def __del__(self) -> None:
        if not self.__dict__.get("pointer"):
            return
        _handles.pop(id(self), None)
        pointer, self.pointer = self.pointer, ctypes.c_void_p()
        lib.segreg_close(pointer, None)
        if not self.left:
            warnings.warn(f"the registry {self.name} was not closed", ResourceWarning, source=self)


_handles: Dict[int, weakref.ref[Handle]] = {}


def _of_all(function: Callable[[Handle], None]) -> None:
    for ref in list(_handles.values()):
        handle = ref()
        if handle is not None:
            function(handle)


os.register_at_fork(after_in_child=lambda: _of_all(Handle.after_fork))
atexit.register(_of_all, Handle.forget)  # later the modules are taken apart under the objects
