"""The registry: most of what the library can do."""

from __future__ import annotations

import ctypes
import math
import os
import sys
import time
from typing import Any, Callable, Iterable, List, Optional, overload

from . import _native
from ._edit import Edit
from ._errors import InvalidError, TimedOutError
from ._handle import Handle, PathLike, c_path, failure, number
from ._holds import Offer, Pin, PinOffer, Pins, Snapshot, SnapshotOffer
from ._maps import Map, Memory
from ._native import lib
from ._questions import Questions
from ._scope import ClosingScope
from ._types import DebugItem, Lease, LeaseItem, SnapshotKind, SweepEvent, SweepResult, maker
from ._walk import walk
from ._watch import Watch

SLICE_MS = 100  # a wait lets Python look at signals this often

make_event = maker(SweepEvent)
make_lease = maker(Lease)
make_result = maker(SweepResult)
make_debug_item = maker(DebugItem)


def milliseconds(seconds: float, what: str) -> int:
    """Seconds as milliseconds, rounded up, so that a short time is not none."""
    if not 0 <= seconds < 1 << 53:  # also: not a number
        raise InvalidError(f"{what} is {seconds!r} seconds")
    return math.ceil(seconds * 1000)


def own_label() -> Optional[bytes]:
    """The name of this program as segctl shows it. The library's own idea would be "python3"."""
    name = os.path.basename(sys.argv[0]) if getattr(sys, "argv", None) else ""
    return os.fsencode(name) if name and name != "-c" else None


class Registry(Questions, ClosingScope):
    """An open registry: one handle of this process. Made by segreg.open.

    Methods may be called from any thread. Each one is the call of the same name in segreg.h, whose comment and manual
    page have the whole of its contract. Paths of segments are relative to base. Failures raise Error's subclasses.

    Methods with an argument each make a walk: they call each(item) for every item. If each returns a true value, or
    raises an exception, the walk ends; the exception is raised again. Without each they return a list.
    """

    def __init__(
        self,
        directory: PathLike,
        *,
        create: bool = False,
        adopt: bool = False,
        take_base: bool = False,
        base: Optional[PathLike] = None,
        label: Optional[str] = None,
        timeout: Optional[float] = None,
        max_segments: int = 0,
        max_lanes: int = 0,
    ) -> None:
        """Open the registry in directory; see segreg_open(3).

        timeout is the longest wait of each call for another process, in seconds; None: 10. label names this handle in
        segctl why; None: the name of the program, from sys.argv.
        """
        options = _native.OpenOptions(size=ctypes.sizeof(_native.OpenOptions))
        options.flags = _native.CREATE * create | _native.ADOPT * adopt | _native.TAKE_BASE * take_base
        if timeout is not None:
            options.timeout_ms = number(max(milliseconds(timeout, "timeout"), 1), 32, "timeout in milliseconds")
        options.label = own_label() if label is None else c_path(label, "the label")
        options.base = None if base is None else c_path(base, "base")
        options.max_segments = number(max_segments, 32, "max_segments")
        options.max_lanes = number(max_lanes, 32, "max_lanes")
        self._handle = Handle(directory, options)
        self._directory = os.fsdecode(directory)
        self._base = os.fsdecode(lib.segreg_base_path(self._handle.pointer))

    # ---------------------------------------------------------------- life

    def close(self) -> int:
        """Close the registry and release what it still holds. Returns the number of pins that it held.

        Waits until no other thread is in a call; waits of other threads end with ClosedError. Maps are closed first:
        while a view of one is in use, BufferError is raised and the registry stays open. Open edits are aborted.
        """
        return self._handle.close()

    @property
    def closed(self) -> bool:
        """Whether the registry is closed."""
        return self._handle.closed

    @property
    def directory(self) -> str:
        """The directory of the registry, as it was given."""
        return self._directory

    @property
    def base(self) -> str:
        """The absolute path of the directory below which all segments lie."""
        return self._base

    def _leave(self) -> None:
        self._handle.left = True  # views are left; see Map

    def __reduce__(self) -> Any:
        raise TypeError("a registry cannot be pickled: send its directory, and open it in the other process")

    def __repr__(self) -> str:
        return f"<segreg.Registry {self._directory!r}{', closed' if self.closed else ''}>"

    # ---------------------------------------------------------------- segments

    def register(self, id: int, path: PathLike) -> None:
        """Make id a live segment at path. Durable when it returns.

        segreg.ID_NEXT as the id lets the registry choose one, which find() returns.
        """
        self._handle.call(lib.segreg_register, number(id, 64, "the id"), c_path(path, "the path"))

    def reserve(self, id: int, path: PathLike) -> None:
        """Reserve id and path for a segment that this handle is about to write; register() publishes it."""
        self._handle.call(lib.segreg_reserve, number(id, 64, "the id"), c_path(path, "the path"))

    def unreserve(self, id: int) -> None:
        """Give up a reservation of this handle. A sweep deletes whatever was written."""
        self._handle.call(lib.segreg_unreserve, number(id, 64, "the id"))

    def retire(self, id: int) -> None:
        """Retire id: a sweep deletes it as soon as nobody holds it. Durable when it returns."""
        self._handle.call(lib.segreg_retire, number(id, 64, "the id"))

    def retire_path(self, path: PathLike) -> None:
        """Retire the segment at path, which is relative to base or absolute below it."""
        self._handle.call(lib.segreg_retire_path, c_path(path, "the path"))

    def discard(self, *paths: PathLike, relaxed: bool = False) -> None:
        """Let a sweep delete each file or directory as soon as no process needs it that came before.

        Paths are relative to base or absolute below it. They need not be segments. All are discarded in one commit, or
        none; see segreg_discard(3). Before a program uses a name again, it calls vacate().

        relaxed: return before the discards are durable. discard() without a path makes them durable.
        """
        n = len(paths)
        c_paths = (ctypes.c_char_p * n)(*[c_path(path, "a path") for path in paths])
        self._handle.call(lib.segreg_discard, c_paths, n, _native.DISCARD_RELAXED * relaxed)

    def vacate(self, path: PathLike) -> None:
        """Take what was discarded out of the way of a new file at path; see segreg_vacate(3)."""
        self._handle.call(lib.segreg_vacate, c_path(path, "the path"))

    def force_remove(self, id: int, *, force: bool = False) -> None:
        """Unregister id and leave its files. force: also if it is held, being built or being deleted."""
        self._handle.call(lib.segreg_force_remove, number(id, 64, "the id"), _native.FORCE * force)

    def edit(
        self,
        *,
        expect: Optional[int] = None,
        expect_live: bool = False,
        sync: bool = False,
        token: Optional[bytes] = None,
    ) -> Edit:
        """Begin an edit: additions and retirements that happen together. The arguments are Edit's methods."""
        edit = Edit(self._handle)
        if expect is not None:
            edit.expect(expect)
        if expect_live:
            edit.expect_live()
        if sync:
            edit.sync()
        if token is not None:
            edit.token(token)
        return edit

    @property
    def version(self) -> int:
        """The current version: the number of edits so far that changed something."""
        version = ctypes.c_uint64()
        self._handle.call(lib.segreg_version, ctypes.byref(version))
        return version.value

    def wait(self, version: int, timeout: Optional[float] = None) -> int:
        """Sleep until the current version is greater than version. Returns the current version.

        timeout is in seconds; None: no limit. Raises TimedOutError. Signal handlers of Python run at least ten times a
        second, so KeyboardInterrupt ends the wait.
        """
        now = ctypes.c_uint64()
        seen = number(version, 64, "the version")
        self._wait(timeout, f"no version after {seen}", lib.segreg_wait, seen, lambda ms: (ms, ctypes.byref(now)))
        return now.value

    def _wait(self, timeout: Optional[float], what: str, function: Any, first: Any, rest: Callable[[int], Any]) -> None:
        """Wait in slices, since no call of the library ends for a signal."""
        end = None if timeout is None else time.monotonic() + milliseconds(timeout, "timeout") / 1000
        while True:
            left = SLICE_MS if end is None else math.ceil((end - time.monotonic()) * 1000)
            try:
                self._handle.call(function, first, *rest(max(0, min(left, SLICE_MS))))
                return
            except TimedOutError:
                if left <= SLICE_MS and end is not None:
                    raise TimedOutError(f"{what} within {timeout:g} seconds") from None

    # ---------------------------------------------------------------- holding

    def pin(self, id: int, *, live: bool = False) -> Pin:
        """Pin id: until the pin is released, the segment stays. live: refuse a segment that is retired."""
        pin = Pin(self._handle, _native.Pin(), number(id, 64, "the id"))
        self._handle.call(lib.segreg_pin, pin.id, _native.PIN_LIVE * live, ctypes.byref(pin._c))
        return pin

    def pin_many(self, ids: Iterable[int], *, live: bool = False) -> Pins:
        """Pin all of ids, or none."""
        numbers = [number(id, 64, "an id") for id in ids]
        n = len(numbers)
        structs = (_native.Pin * n)()
        pins = Pins(self._handle, structs, numbers)
        c_ids = (ctypes.c_uint64 * n)(*numbers)
        self._handle.call(lib.segreg_pin_many, c_ids, n, _native.PIN_LIVE * live, structs)
        return pins

    @overload
    def receive(self, offer: PinOffer) -> Pin: ...

    @overload
    def receive(self, offer: SnapshotOffer) -> Snapshot: ...

    def receive(self, offer: Offer) -> Any:
        """Hold what another handle, of this process or another, holds and has offered."""
        if isinstance(offer, PinOffer):
            theirs = offer.struct(_native.Pin)
            pin = Pin(self._handle, _native.Pin(), theirs.id)
            self._handle.call(lib.segreg_pin_receive, ctypes.byref(theirs), ctypes.byref(pin._c))
            return pin
        if isinstance(offer, SnapshotOffer):
            theirs = offer.struct(_native.Snapshot)
            snapshot = Snapshot(self._handle, _native.Snapshot())
            self._handle.call(lib.segreg_snapshot_receive, ctypes.byref(theirs), ctypes.byref(snapshot._c))
            return snapshot
        raise TypeError(f"receive takes the offer() of a pin or a snapshot, not {type(offer).__name__}")

    def map(self, id: int, file: Optional[PathLike] = None, *, live: bool = False) -> Map:
        """Pin id and map one of its files read-only. file is as in Pin.open, live as in pin()."""
        n = number(id, 64, "the id")
        name = None if file is None else c_path(file, "the file")
        memory = Memory(self._handle, f"segment {n}" if file is None else f"{os.fsdecode(file)!r} of segment {n}")
        self._handle.call(lib.segreg_map, n, name, _native.PIN_LIVE * live, ctypes.byref(memory.c))
        memory.made()
        return Map(memory)

    def snapshot(self) -> Snapshot:
        """Hold every segment of the current version."""
        return self._take(SnapshotKind.SNAPSHOT)

    def horizon(self) -> Snapshot:
        """Hold every segment that is retired from now on."""
        return self._take(SnapshotKind.HORIZON)

    def _take(self, kind: SnapshotKind) -> Snapshot:
        snapshot = Snapshot(self._handle, _native.Snapshot())
        self._handle.call(lib.segreg_snapshot_take, int(kind), ctypes.byref(snapshot._c))
        return snapshot

    # ---------------------------------------------------------------- leases

    def put_lease(self, name: str, floor: int = _native.LEASE_NOW, items: Iterable[LeaseItem] = ()) -> None:
        """Hold what is retired after the version floor, and items, in a name that outlives processes and restarts.

        LEASE_NOW is the current version, and LEASE_LISTED means items alone. An item with born 0 is the segment that
        has the id now. A lease of that name is replaced. See segreg_lease_put(3).
        """
        pairs = [_native.LeaseItem(number(id, 64, "the id"), number(born, 64, "born")) for id, born in items]
        c_items = (_native.LeaseItem * len(pairs))(*pairs)
        n = number(floor, 64, "the floor")
        self._handle.call(lib.segreg_lease_put, c_path(name, "the name"), n, c_items, len(pairs))

    def drop_lease(self, name: str) -> None:
        """End the lease of that name."""
        self._handle.call(lib.segreg_lease_drop, c_path(name, "the name"))

    def leases(self, each: Optional[Callable[[Lease], object]] = None) -> List[Lease]:
        """Every retention lease, in the order of names."""
        call = self._handle.call
        return walk(lambda steps: call(lib.segreg_lease_list, _native.lease_fn, steps), make_lease, each)

    # ---------------------------------------------------------------- sweeping, and others' handles

    def sweep(
        self,
        each: Optional[Callable[[SweepEvent], object]] = None,
        *,
        dry_run: bool = False,
        retry_now: bool = False,
        limit: int = 0,
        grace: float = 0,
        pace: int = 0,
        pace_files: int = 0,
    ) -> SweepResult:
        """Delete every retired segment that nobody holds; see segreg_sweep(3).

        Calls each, if given, for each event; a true value ends the sweep after the deletion under way. grace is in
        seconds. While the sweep deletes, Python handles signals about once a second: KeyboardInterrupt ends the sweep
        amid a deletion, which the next sweep finishes. each may call methods of the registry, except sweep and close.
        """
        options = _native.SweepOptions(size=ctypes.sizeof(_native.SweepOptions))
        options.flags = _native.SWEEP_DRY_RUN * dry_run | _native.SWEEP_RETRY_NOW * retry_now
        options.limit = number(limit, 32, "limit")
        options.grace_ms = milliseconds(grace, "grace")
        options.pace = number(pace, 64, "pace")
        options.pace_files = number(pace_files, 64, "pace_files")
        options.stop = _native.sweep_stop_fn
        if each is not None:
            options.fn = _native.sweep_fn
        result = _native.SweepResult(size=ctypes.sizeof(_native.SweepResult))

        def call(steps: Any) -> None:
            options.arg = steps
            try:
                self._handle.call(lib.segreg_sweep, ctypes.byref(options), ctypes.byref(result))
            finally:
                options.arg = None  # this function is among what the generator refers to

        walk(call, make_event, each)
        return make_result(result)

    def evict(self, lane: int, epoch: int) -> int:
        """Take away what a handle holds. lane and epoch are those of lanes(). Returns the pins and snapshots taken."""
        released = ctypes.c_uint64()
        self._handle.call(
            lib.segreg_evict, number(lane, 32, "lane"), number(epoch, 32, "epoch"), ctypes.byref(released)
        )
        return released.value

    def sweep_wait(self, ticket: int = 0, timeout: Optional[float] = None) -> int:
        """Sleep until a sweep may have something to do. Returns the ticket for the next wait.

        Ticket 0 returns at once. Otherwise as wait(): timeout in seconds, TimedOutError, KeyboardInterrupt.
        """
        held = ctypes.c_uint32(number(ticket, 32, "the ticket"))
        self._wait(timeout, "nothing to sweep", lib.segreg_sweep_wait, ctypes.byref(held), lambda ms: (ms,))
        return held.value

    def sweep_wake(self) -> None:
        """Make the sweep_wait calls of all processes on this registry return."""
        self._handle.call(lib.segreg_sweep_wake)

    def watch(self, *, version: bool = False, sweep: bool = False) -> Watch:
        """A descriptor for event loops: readable after a new version, or when there may be something to sweep."""
        watch = Watch(self._handle)
        what = _native.WATCH_VERSION * version | _native.WATCH_SWEEP * sweep
        self._handle.call(lib.segreg_watch, what, ctypes.byref(watch._c))
        return watch

    def wait_off(self, off: bool = True) -> None:
        """Call off the waits of this handle: they raise CalledOffError, until wait_off(False)."""
        self._handle.call(lib.segreg_wait_off, int(off))


def open(
    directory: PathLike,
    *,
    create: bool = False,
    adopt: bool = False,
    take_base: bool = False,
    base: Optional[PathLike] = None,
    label: Optional[str] = None,
    timeout: Optional[float] = None,
    max_segments: int = 0,
    max_lanes: int = 0,
) -> Registry:
    """Open the registry in directory; see Registry.__init__ and segreg_open(3)."""
    return Registry(
        directory,
        create=create,
        adopt=adopt,
        take_base=take_base,
        base=base,
        label=label,
        timeout=timeout,
        max_segments=max_segments,
        max_lanes=max_lanes,
    )


def debug(
    directory: Optional[PathLike] = None,
    each: Optional[Callable[[DebugItem], object]] = None,
    *,
    region: Optional[PathLike] = None,
    everything: bool = False,
    slot: Optional[int] = None,
    id: Optional[int] = None,
) -> List[DebugItem]:
    """Every value in a registry's shared memory; see segreg_debug(3). It opens no handle and waits for no process.

    region: a file with a copy of shared memory, instead of what directory uses. everything: free lanes and the whole
    queue as well. slot, id: that slot alone, or the slots of that segment.
    """
    options = _native.DebugOptions(size=ctypes.sizeof(_native.DebugOptions))
    if everything:
        options.flags |= _native.DEBUG_ALL
    if slot is not None:
        options.flags |= _native.DEBUG_SLOT
        options.slot = number(slot, 32, "slot")
    if id is not None:
        options.flags |= _native.DEBUG_ID
        options.id = number(id, 64, "the id")
    options.region = None if region is None else c_path(region, "region")
    where = None if directory is None else c_path(directory, "the directory")

    def call(steps: Any) -> None:
        code = lib.segreg_debug(where, ctypes.byref(options), _native.debug_fn, steps)
        if code < 0:
            raise failure(code)

    return walk(call, make_debug_item, each)
