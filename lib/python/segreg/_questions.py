"""The questions to a registry: methods of Registry."""

from __future__ import annotations

import ctypes
from typing import Callable, Iterable, List, Optional

from . import _native
from ._handle import Handle, PathLike, c_path, failure, number
from ._native import lib
from ._types import Finding, Found, Hold, Holder, Info, LogEntry, State, Stats, maker
from ._walk import walk

make_info = maker(Info)
make_holder = maker(Holder)
make_hold = maker(Hold)
make_finding = maker(Finding)
make_log_entry = maker(LogEntry)


class Questions:
    """The methods of Registry that ask. None of them changes anything, but check with repair."""

    _handle: Handle

    def is_live(self, id: int) -> bool:
        """Whether id is live. False also if it is unknown."""
        return self._handle.call(lib.segreg_is_live, number(id, 64, "the id")) > 0

    def state(self, id: int) -> State:
        """The state of id."""
        state = ctypes.c_int()
        self._handle.call(lib.segreg_state, number(id, 64, "the id"), ctypes.byref(state))
        return State(state.value)

    def find(self, path: PathLike) -> Found:
        """The id and the state of the segment at path, which is relative to base or absolute below it."""
        id, state = ctypes.c_uint64(), ctypes.c_int()
        self._handle.call(lib.segreg_find, c_path(path, "the path"), ctypes.byref(id), ctypes.byref(state))
        return Found(id.value, State(state.value))

    def is_discarded(self, path: PathLike) -> bool:
        """Whether a sweep deletes what is at path when it can; also true for what lies in a discarded directory."""
        return self._handle.call(lib.segreg_is_discarded, c_path(path, "the path")) > 0

    def refcount(self, id: int) -> int:
        """The number of pins of id in all handles of all processes."""
        count = ctypes.c_uint64()
        self._handle.call(lib.segreg_refcount, number(id, 64, "the id"), ctypes.byref(count))
        return count.value

    def stats(self) -> Stats:
        """Figures of the registry. str() of them is one line."""
        stats = _native.Stats(size=ctypes.sizeof(_native.Stats))
        self._handle.call(lib.segreg_stats, ctypes.byref(stats))
        line = ctypes.create_string_buffer(256)
        code = lib.segreg_stats_format(ctypes.byref(stats), line, len(line))
        if code < 0:
            raise failure(code)
        return Stats._make([getattr(stats, name) for name in Stats._fields[:-1]] + [line.value.decode()])

    def segments(self, each: Optional[Callable[[Info], object]] = None) -> List[Info]:
        """Every segment, in no particular order; segreg_list(3)."""
        call = self._handle.call
        return walk(lambda steps: call(lib.segreg_list, _native.list_fn, steps), make_info, each)

    def retired(self, each: Optional[Callable[[Info], object]] = None) -> List[Info]:
        """Every segment that is pending or deleting; segreg_list_retired(3)."""
        call = self._handle.call
        return walk(lambda steps: call(lib.segreg_list_retired, _native.list_fn, steps), make_info, each)

    def segments_of(self, ids: Iterable[int], each: Optional[Callable[[Info], object]] = None) -> List[Info]:
        """The segments with these ids, in their order, without unknown ones; segreg_list_many(3)."""
        numbers, call = [number(id, 64, "an id") for id in ids], self._handle.call
        c_ids = (ctypes.c_uint64 * len(numbers))(*numbers)
        return walk(
            lambda steps: call(lib.segreg_list_many, c_ids, len(numbers), _native.list_fn, steps), make_info, each
        )

    def segment(self, id: int) -> Info:
        """One segment; segreg_list_one(3)."""
        n, call = number(id, 64, "the id"), self._handle.call
        return walk(lambda steps: call(lib.segreg_list_one, n, _native.list_fn, steps), make_info, None)[0]

    def holders(self, id: int, each: Optional[Callable[[Holder], object]] = None) -> List[Holder]:
        """Every handle that holds id."""
        n, call = number(id, 64, "the id"), self._handle.call
        return walk(lambda steps: call(lib.segreg_holders, n, _native.holder_fn, steps), make_holder, each)

    def lanes(self, each: Optional[Callable[[Holder], object]] = None) -> List[Holder]:
        """Every attached handle."""
        call = self._handle.call
        return walk(lambda steps: call(lib.segreg_lanes, _native.holder_fn, steps), make_holder, each)

    def holds(self, each: Optional[Callable[[Hold], object]] = None) -> List[Hold]:
        """Every snapshot and horizon of every handle, and its pins of each retired segment; segreg_list(3)."""
        call = self._handle.call
        return walk(lambda steps: call(lib.segreg_holds, _native.hold_fn, steps), make_hold, each)

    # ---------------------------------------------------------------- care

    def check(self, each: Optional[Callable[[Finding], object]] = None, *, repair: bool = False) -> List[Finding]:
        """Compare the database with shared memory and the disk. repair: set shared memory right where it differs."""
        flags, call = _native.CHECK_REPAIR * repair, self._handle.call
        return walk(lambda steps: call(lib.segreg_check, flags, _native.check_fn, steps), make_finding, each)

    def log(self, each: Optional[Callable[[LogEntry], object]] = None, *, after: int = 0) -> List[LogEntry]:
        """The entries of the journal whose number is greater than after, the oldest first."""
        n, call = number(after, 64, "after"), self._handle.call
        return walk(lambda steps: call(lib.segreg_log, n, _native.log_fn, steps), make_log_entry, each)
