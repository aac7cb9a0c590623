"""Maps: a file of a segment in memory.

A view is a memoryview of the mapped file, or anything that was made of one: a slice, an array of numpy. Views may
outlive the Map that they came from. So a Memory unmaps the file and releases its pin. All views of a map keep one
ctypes array alive, and the array keeps the Memory alive. Map.close sees by a weak reference to the array whether there
are views left.
"""

from __future__ import annotations

import ctypes
import threading
import warnings
import weakref
from typing import Any, Optional

from . import _native
from ._errors import Error
from ._handle import Handle
from ._native import lib, libc
from ._scope import ClosingScope


class Memory:
    """A file in memory, and the pin that keeps it there."""

    def __init__(self, handle: Handle, name: str) -> None:
        self.c = _native.Map()
        self.handle = handle
        self.name = name
        self._forks = handle.forks

    def made(self) -> None:
        """The library has filled the struct. From here on the handle cannot be closed before the release."""
        self.handle.mapped[id(self)] = self.name

    def release(self) -> None:
        """Release the pin and unmap the file. The library leaves the file mapped if it finds no pin to release."""
        try:
            if not self.handle.closed and self.c.pin.owner and self._forks == self.handle.forks:
                self.handle.call(lib.segreg_unmap, ctypes.byref(self.c))
        except Error:
            self._unmap()
            raise
        self._unmap()

    def _unmap(self) -> None:
        data, length = self.c.data, self.c.length
        self.c = _native.Map()
        self.handle.mapped.pop(id(self), None)
        if data:
            libc.munmap(data, length)

    def __del__(self) -> None:
        if not self.handle.forgotten:
            try:
                self.release()
            except Error:  # evicted: no pin is left
                pass


class Map(ClosingScope):
    """A file of a segment in memory, read-only. Made by Registry.map. While it is open, its segment is pinned.

    data is the memoryview of the file: numpy.frombuffer(map.data) makes an array of it without a copy. close(), and the
    end of a with statement, raise BufferError while anything else uses the memory, and the map stays open.

    The traceback of an exception may use the memory. So if an exception ends the with statement, no BufferError hides
    it. The memory and the pin then go when the last user is collected.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory: Optional[Memory] = memory
        self._handle = memory.handle
        self._name = memory.name
        self._length = int(memory.c.length)
        self._lock = threading.RLock()
        self._forks = memory.handle.forks
        self._view: Optional[memoryview] = None
        kind: Any = ctypes.c_ubyte * self._length
        self._array: Any = kind.from_address(memory.c.data) if self._length else kind()
        self._array.memory = memory
        self._handle.maps[id(self)] = weakref.ref(self)

    @property
    def data(self) -> memoryview:
        """The contents of the file. close() releases this memoryview."""
        with self._lock:
            if self._array is None:
                raise ValueError(f"{self._name} is not mapped any more")
            if self._view is None:
                # cast() refuses an empty view.
                self._view = memoryview(self._array).cast("B").toreadonly() if self._length else memoryview(b"")
            return self._view

    @property
    def closed(self) -> bool:
        """Whether the file is unmapped."""
        return self._memory is None

    def __len__(self) -> int:
        return self._length

    def close(self) -> None:
        """Unmap the file and release its pin. Does nothing if that was done before.

        Raises BufferError while a view is in use; then data is a new memoryview, and the map is open.
        """
        with self._lock:
            if self._memory is None:
                return
            if self._view is not None:
                try:
                    self._view.release()
                except BufferError:
                    raise self._in_use() from None
                self._view = None
            array, self._array = weakref.ref(self._array), None
            self._array = array()
            if self._array is not None:
                raise self._in_use()
            memory, self._memory = self._memory, None
            self._handle.maps.pop(id(self), None)
            memory.release()

    def _in_use(self) -> BufferError:
        return BufferError(
            f"{self._name} is still in use by a view: release the memoryview, or drop the array that uses it"
        )


    def _leave(self) -> None:
        """Leave the memory to its views."""
        with self._lock:
            self._memory = self._array = self._view = None
            self._handle.maps.pop(id(self), None)

    def after_fork(self) -> None:
        """In a forked child: a thread of the parent may have had the lock."""
        self._lock = threading.RLock()

    def __reduce__(self) -> Any:
        raise TypeError(f"{self!r} cannot be pickled: map the file in the other process")

    def __del__(self) -> None:
        if self.__dict__.get("_memory") is not None:
            self._handle.maps.pop(id(self), None)
            if self._forks == self._handle.forks and not self._handle.closed:
                warnings.warn(f"{self!r} was not closed", ResourceWarning, source=self)

    def __repr__(self) -> str:
        return f"<segreg.Map of {self._name}, {self._length} bytes{', closed' if self._memory is None else ''}>"
