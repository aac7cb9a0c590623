"""What the calls return: enums, and named tuples with the members of the header's structs.

Times are nanoseconds of CLOCK_REALTIME, 0 for never, as in segreg.h. time.time_ns() is on the same scale.
"""

import builtins
import enum
import operator
import os
from typing import Any, Callable, NamedTuple, Tuple, Type, TypeVar

from ._native import LEASE_LISTED

T = TypeVar("T")


class _Open(enum.IntEnum):
    """An enum to which a newer library may add values: a value without a name becomes UNKNOWN_n."""

    @classmethod
    def _missing_(cls, value: object) -> Any:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return member


class State(_Open):
    """enum segreg_state: the state of a segment."""

    BUILDING = 1
    LIVE = 2
    PENDING = 3
    DELETING = 4


class SnapshotKind(_Open):
    """enum segreg_snapshot_kind: what a snapshot holds."""

    SNAPSHOT = 1
    HORIZON = 2


class Order(_Open):
    """enum segreg_order: the order of Snapshot.list."""

    BY_ID = 1
    BY_PATH = 2


class HoldKind(_Open):
    """enum segreg_hold_kind: what holds segments."""

    PINS = 1
    SNAPSHOT = 2
    HORIZON = 3


class FindingKind(_Open):
    """enum segreg_finding_kind: what a check found."""

    MISSING = 1
    REPLACED = 2
    STRANGER = 3
    DIFFERENCE = 4
    LEFTOVER = 5


class LogKind(_Open):
    """enum segreg_log_kind: what an entry of the journal is about."""

    DELETED = 1
    FORGOTTEN = 2
    RECLAIMED = 3
    EVICTED = 4
    LOST = 5
    LEASED = 6
    LEASE_DROPPED = 7


class SweepAction(_Open):
    """enum segreg_sweep_action: what a sweep did."""

    DELETED = 1
    FAILED = 2
    HELD = 3
    RECLAIMED = 4
    MISSING = 5


class Entry(NamedTuple):
    """One segment of a snapshot; struct segreg_entry."""

    id: int
    path: str
    born: int
    is_directory: bool
    user: bytes


class Info(NamedTuple):
    """One segment; struct segreg_info."""

    id: int
    state: State
    path: str
    is_directory: bool
    is_missing: bool
    is_weakly_identified: bool
    pins: int
    born: int
    retired: int
    error: int
    attempts: int
    registered_at: int
    retired_at: int
    held_since: int
    retry_at: int
    is_abandoned: bool
    builder_pid: int
    is_builder_foreign: bool
    user: bytes


class Found(NamedTuple):
    """A segment that Registry.find found by its path."""

    id: int
    state: State


class Holder(NamedTuple):
    """One handle; struct segreg_holder."""

    lane: int
    epoch: int
    pid: int
    is_foreign: bool
    uid: int
    pins: int
    snapshots: int
    horizons: int
    oldest: int
    attached_at: int
    is_evicted: bool
    label: str


class Hold(NamedTuple):
    """One hold of a handle; struct segreg_hold."""

    kind: HoldKind
    lane: int
    epoch: int
    version: int
    id: int
    pins: int


class Finding(NamedTuple):
    """One finding of a check; struct segreg_finding."""

    kind: FindingKind
    id: int
    path: str
    reason: str


class LogEntry(NamedTuple):
    """One entry of the journal; struct segreg_log_entry."""

    kind: LogKind
    number: int
    at: int
    id: int
    path: str
    born: int
    retired: int
    registered_at: int
    retired_at: int
    bytes: int
    lane: int
    pid: int
    uid: int
    label: str
    attached_at: int
    pins: int
    snapshots: int
    by_pid: int
    by_uid: int
    by_label: str
    reason: str
    user: builtins.bytes


class LeaseItem(NamedTuple):
    """A segment that a lease lists; struct segreg_lease_item."""

    id: int
    born: int


class Lease(NamedTuple):
    """A retention lease; struct segreg_lease. floor is LEASE_LISTED if it holds its items alone."""

    name: str
    floor: int
    items: Tuple[LeaseItem, ...]
    put_at: int
    changed_at: int
    by_pid: int
    by_uid: int
    by_label: str

    def holds(self, segment: Info) -> bool:
        """Whether the lease holds a segment that is pending, or will hold it when it is retired."""
        if self.floor != LEASE_LISTED and (not segment.retired or segment.retired > self.floor):
            return True
        return (segment.id, segment.born) in self.items


class SweepEvent(NamedTuple):
    """One thing that a sweep did; struct segreg_sweep_event."""

    action: SweepAction
    id: int
    path: str
    reason: str
    bytes: int
    error: int
    retry_at: int
    pins: int
    snapshots: int
    has_horizon: bool
    pid: int
    label: str
    lease: str


class SweepResult(NamedTuple):
    """What a sweep did, in numbers; struct segreg_sweep_result."""

    deleted: int
    bytes_freed: int
    bytes_linked: int
    held: int
    waiting: int
    failed: int
    reclaimed: int
    reclaimed_pins: int
    next_at: int


class Stats(NamedTuple):
    """Figures of a registry; struct segreg_stats. str() is the line of segreg_stats_format(3)."""

    building: int
    live: int
    pending: int
    deleting: int
    failed: int
    missing: int
    version: int
    lanes: int
    starts: int
    deleted: int
    bytes_freed: int
    reclaimed: int
    reclaimed_pins: int
    repairs: int
    max_segments: int
    max_lanes: int
    region_bytes: int
    commits: int
    commit_ns: int
    commit_ns_max: int
    schema: int
    layout: int
    discards: int
    discards_since: int
    discards_error: int
    text: str

    def __str__(self) -> str:
        return self.text


class DebugItem(NamedTuple):
    """One value in shared memory; struct segreg_debug_item."""

    part: str
    number: int
    name: str
    value: str
    remark: str
    is_damaged: bool
    pid: int


def _reader(name: str, kind: Any) -> Callable[[Any], Any]:
    """A function from a C struct to the value of one member."""
    if kind is int:
        return operator.attrgetter(name)
    if kind is bytes:
        return lambda c: bytes(getattr(c, name)[: getattr(c, name + "_size")])
    if name == "items":
        return lambda c: tuple(LeaseItem(item.id, item.born) for item in (c.items[: c.n] if c.n else ()))
    if kind is str:
        return lambda c: os.fsdecode(getattr(c, name) or b"")
    return lambda c: kind(getattr(c, name))


def maker(cls: Type[T]) -> Callable[[Any], T]:
    """A function that makes a named tuple of type cls from a C struct whose members have the tuple's names."""
    tuple_type: Any = cls
    readers = [_reader(name, tuple_type.__annotations__[name]) for name in tuple_type._fields]
    return lambda c: tuple_type._make([read(c) for read in readers])  # type: ignore[no-any-return]
