"""Pins and snapshots: what keeps segments from being deleted.

The C struct in an object is the truth about it. The library fills the struct when it holds the segment, and zeroes it
when it releases the segment. So an exception at any moment, such as KeyboardInterrupt, leaves the object right. What is
still held when the object is collected is released then.
"""

from __future__ import annotations

import ctypes
import io
import os
import threading
import warnings
from typing import Any, Callable, Iterator, List, Optional, Sequence, Union, overload

from . import _native
from ._errors import ClosedError, Error, InvalidError
from ._handle import Handle, PathLike, c_path, number
from ._native import lib
from ._scope import Scope
from ._types import Entry, Order, SnapshotKind, maker
from ._walk import walk

make_entry = maker(Entry)


class Offer:
    """A pin or a snapshot on its way to another handle or process. It can be pickled. It holds nothing itself."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = bytes(data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Offer) and type(self) is type(other) and self.data == other.data

    def __hash__(self) -> int:
        return hash((type(self), self.data))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.data!r})"

    def __reduce__(self) -> Any:
        return type(self), (self.data,)

    def struct(self, kind: Any) -> Any:
        """The bytes as a C struct."""
        if len(self.data) != ctypes.sizeof(kind):
            raise InvalidError(f"an offer has {ctypes.sizeof(kind)} bytes, and this one has {len(self.data)}")
        return kind.from_buffer_copy(self.data)


class PinOffer(Offer):
    """An offer of a pin: Registry.receive makes a Pin of it."""

    __slots__ = ()


class SnapshotOffer(Offer):
    """An offer of a snapshot or a horizon: Registry.receive makes a Snapshot of it."""

    __slots__ = ()


class Hold(Scope):
    """What pins and snapshots have in common: release(), and the with statement."""

    _release: Any

    def __init__(self, handle: Handle, struct: Any, lock: Optional[threading.Lock] = None) -> None:
        self._handle = handle
        self._c = struct
        self._lock = lock or threading.Lock()  # of a release, which only one thread makes
        self._forks = handle.forks

    @property
    def held(self) -> bool:
        """Whether it is held: not released, not a parent process's, and its registry is open."""
        return bool(self._c.owner) and self._forks == self._handle.forks and not self._handle.closed

    def release(self) -> None:
        """Release it. Does nothing if it is not held any more."""
        if self._forks != self._handle.forks:  # before the lock, which a thread of the parent may have had at the fork
            return
        with self._lock:
            if self._c.owner:
                try:
                    self._handle.call(self._release, ctypes.byref(self._c))
                except ClosedError:  # which has released it
                    pass

    def _end(self, error: Optional[BaseException]) -> None:
        self.release()

    def __reduce__(self) -> Any:
        raise TypeError(f"{self!r} cannot be pickled: send its offer(), and let Registry.receive take it")

    def __del__(self) -> None:
        if self._c.owner and self.held:
            text = f"{self!r} was not released"
            try:
                self._handle.call(self._release, ctypes.byref(self._c))
            except Error:  # evicted, or the registry was closed just now: nothing is held
                pass
            warnings.warn(text, ResourceWarning, source=self)  # last, since it may raise


class Pin(Hold):
    """A pin: while it is held, its segment stays. Made by Registry.pin, pin_many and receive."""

    _release = lib.segreg_unpin

    def __init__(self, handle: Handle, struct: Any, id: int, lock: Optional[threading.Lock] = None) -> None:
        super().__init__(handle, struct, lock)
        self._id = id

    @property
    def id(self) -> int:
        """The id of the segment."""
        return self._id

    @property
    def path(self) -> str:
        """The absolute path of the segment."""
        buffer = ctypes.create_string_buffer(_native.PATH_SIZE)
        self._handle.call(lib.segreg_pin_path, ctypes.byref(self._c), buffer, len(buffer))
        return os.fsdecode(buffer.value)

    def open(self, file: Optional[PathLike] = None) -> io.BufferedReader:
        """Open a file of the segment for reading, in binary.

        file is relative to the segment; None opens the segment itself, if it is a regular file. The open file does not
        hold the segment. It stays readable after the segment was deleted, as the kernel keeps it.
        """
        name = None if file is None else c_path(file, "the file")
        fd = ctypes.c_int()
        self._handle.call(lib.segreg_pin_open, ctypes.byref(self._c), name, ctypes.byref(fd))
        try:
            return open(fd.value, "rb")
        except Exception:  # it is a directory
            os.close(fd.value)
            raise

    def offer(self) -> PinOffer:
        """This pin, for another handle or process, which passes it to Registry.receive.

        Keep this pin until the other one has received it: then the segment is held throughout.
        """
        return PinOffer(bytes(self._c))

    def __repr__(self) -> str:
        return f"<segreg.Pin of segment {self._id}{'' if self.held else ', not held'}>"


class Pins(Scope, Sequence[Pin]):
    """Pins that Registry.pin_many made together. release() and the with statement release all of them."""

    def __init__(self, handle: Handle, structs: Any, ids: List[int]) -> None:
        self._handle = handle
        self._c = structs
        self._lock = threading.Lock()
        self._forks = handle.forks
        self._pins = [Pin(handle, structs[i], id, self._lock) for i, id in enumerate(ids)]

    @overload
    def __getitem__(self, index: int) -> Pin: ...

    @overload
    def __getitem__(self, index: slice) -> List[Pin]: ...

    def __getitem__(self, index: Union[int, slice]) -> Union[Pin, List[Pin]]:
        return self._pins[index]

    def __len__(self) -> int:
        return len(self._pins)

    def release(self) -> None:
        """Release each pin that is still held."""
        if self._forks != self._handle.forks:  # as in Hold.release
            return
        with self._lock:
            try:
                self._handle.call(lib.segreg_unpin_many, self._c, len(self._pins))
            except ClosedError:
                pass

    def _end(self, error: Optional[BaseException]) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<segreg.Pins of {len(self._pins)} segments>"


class Snapshot(Hold):
    """A snapshot or a horizon that is held. Made by Registry.snapshot, horizon and receive.

    Iterating over a snapshot yields an Entry for each segment of its version, while other processes commit. Each
    iteration is a walk of its own.
    """

    _release = lib.segreg_snapshot_release

    @property
    def version(self) -> int:
        """The version that is held; 0 after the release."""
        return int(self._c.version)

    @property
    def kind(self) -> SnapshotKind:
        """Whether it is a snapshot or a horizon. UNKNOWN_0 after the release."""
        return SnapshotKind(self._c.kind)

    def trade(self, kind: SnapshotKind = SnapshotKind.SNAPSHOT) -> None:
        """Exchange it for a snapshot, or a horizon, of the current version. At every moment one of the two is held."""
        if self._forks == self._handle.forks:
            with self._lock:
                self._handle.call(lib.segreg_snapshot_trade, int(kind), ctypes.byref(self._c))
        else:  # the library's words for it
            self._handle.call(lib.segreg_snapshot_trade, int(kind), ctypes.byref(self._copy()))

    def offer(self) -> SnapshotOffer:
        """This snapshot, for another handle or process, which passes it to Registry.receive.

        Keep this snapshot until the other one has received it.
        """
        return SnapshotOffer(bytes(self._c))

    def __iter__(self) -> Iterator[Entry]:
        theirs = self._copy()  # a trade would change what is walked
        entry = _native.Entry(size=ctypes.sizeof(_native.Entry))
        while self._handle.call(lib.segreg_snapshot_next, ctypes.byref(theirs), ctypes.byref(entry)):
            yield make_entry(entry)

    def list(self, order: Order = Order.BY_ID, each: Optional[Callable[[Entry], object]] = None) -> List[Entry]:
        """The segments of the snapshot in order; each as in Registry's methods."""
        theirs, call = self._copy(), self._handle.call
        return walk(
            lambda steps: call(
                lib.segreg_snapshot_list, ctypes.byref(theirs), int(order), _native.snapshot_fn, steps
            ),
            make_entry,
            each,
        )

    def find(self, id: int) -> Entry:
        """Segment id of the snapshot. Raises NotFoundError if the snapshot's version has none."""
        entry = _native.Entry(size=ctypes.sizeof(_native.Entry))
        n = number(id, 64, "the id")
        self._handle.call(lib.segreg_snapshot_find, ctypes.byref(self._copy()), n, ctypes.byref(entry))
        return make_entry(entry)

    def _copy(self) -> Any:
        return _native.Snapshot.from_buffer_copy(self._c)

    def __repr__(self) -> str:
        if not self.held:
            return "<segreg.Snapshot, not held>"
        what = "horizon" if self._c.kind == SnapshotKind.HORIZON else "snapshot"
        return f"<segreg.Snapshot: a {what} of version {self._c.version}>"
