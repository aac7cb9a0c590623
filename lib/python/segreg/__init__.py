"""segreg: share immutable segments between processes, delete each one exactly when nobody needs it any more.

    import segreg

    with segreg.open("/var/lib/engine/registry") as registry:
        with registry.pin(42) as pin:
            with pin.open("index") as file:  # segment 42 cannot vanish
                file.read()

The manual page segreg-python(7) has examples of everything, and segreg(7) the ideas. Each method is a call of the C
library libsegreg, whose manual has the whole of its contract.
"""

from ._edit import Edit
from ._errors import (
    AccessError,
    BusyError,
    CalledOffError,
    ClosedError,
    ConflictError,
    CorruptError,
    Error,
    EvictedError,
    ExistsError,
    FullError,
    InvalidError,
    MismatchError,
    NoFileError,
    NoMemoryError,
    NoSpaceError,
    NotFoundError,
    NotPinnedError,
    PathError,
    RegionLostError,
    ReopenError,
    SystemCallError,
    TimedOutError,
    UnsupportedError,
    VersionError,
)
from ._holds import Offer, Pin, PinOffer, Pins, Snapshot, SnapshotOffer
from ._maps import Map
from ._native import ID_NEXT, LEASE_LISTED, LEASE_NOW, USER_SIZE, VERSION as __version__, lib as _lib
from ._registry import Registry, debug, open
from ._types import (
    DebugItem,
    Entry,
    Finding,
    FindingKind,
    Found,
    Hold,
    Holder,
    HoldKind,
    Info,
    Lease,
    LeaseItem,
    LogEntry,
    LogKind,
    Order,
    SnapshotKind,
    State,
    Stats,
    SweepAction,
    SweepEvent,
    SweepResult,
)
from ._watch import Watch


def library_version() -> str:
    """The version of the C library that runs, such as "0.1.0"."""
    version: bytes = _lib.segreg_version_string()
    return version.decode()


__all__ = [
    "AccessError",
    "BusyError",
    "CalledOffError",
    "ClosedError",
    "ConflictError",
    "CorruptError",
    "DebugItem",
    "Edit",
    "Entry",
    "Error",
    "EvictedError",
    "ExistsError",
    "Finding",
    "FindingKind",
    "Found",
    "FullError",
    "Hold",
    "HoldKind",
    "Holder",
    "ID_NEXT",
    "Info",
    "InvalidError",
    "LEASE_LISTED",
    "LEASE_NOW",
    "Lease",
    "LeaseItem",
    "LogEntry",
    "LogKind",
    "Map",
    "MismatchError",
    "NoFileError",
    "NoMemoryError",
    "NoSpaceError",
    "NotFoundError",
    "NotPinnedError",
    "Offer",
    "Order",
    "PathError",
    "Pin",
    "PinOffer",
    "Pins",
    "RegionLostError",
    "Registry",
    "ReopenError",
    "Snapshot",
    "SnapshotKind",
    "SnapshotOffer",
    "State",
    "Stats",
    "SweepAction",
    "SweepEvent",
    "SweepResult",
    "SystemCallError",
    "TimedOutError",
    "USER_SIZE",
    "UnsupportedError",
    "VersionError",
    "Watch",
    "debug",
    "library_version",
    "open",
]
