"""The C library by ctypes: its structs, its calls, and whether it is the right one.

Each struct and each call stands here as in segreg.h, in the header's order. tests/python/test_header.py compares them
with the header and with a C compiler. Structs that the library fills may have more members in a newer library. In an
older library they may have fewer, and reading them would leave the struct: so an older library is refused.
"""

from __future__ import annotations

import ctypes
import types
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char,
    c_char_p,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint,
    c_uint32,
    c_uint64,
    c_ubyte,
    c_void_p,
    py_object,
)
from typing import Any, Dict, List, Tuple

VERSION = "0.1.0"  # of this package, and the oldest library that it can use
SONAME = "libsegreg.so.0"

ID_NEXT = (1 << 64) - 1
LABEL_SIZE = 32
PATH_MAX = 500
PATH_SIZE = 4096
USER_SIZE = 64
LEASE_NAME_MAX = 63
LEASE_NOW, LEASE_LISTED = (1 << 64) - 1, (1 << 64) - 2

CREATE, ADOPT, TAKE_BASE = 1, 2, 4
FORCE, DESPITE_HORIZONS = 1, 2
DISCARD_RELAXED = 1
PIN_LIVE = 1
CHECK_REPAIR = 1
SWEEP_DRY_RUN, SWEEP_RETRY_NOW = 1, 2
WATCH_VERSION, WATCH_SWEEP = 1, 2
DEBUG_ALL, DEBUG_SLOT, DEBUG_ID = 1, 2, 4


class OpenOptions(Structure):
    """struct segreg_open_options"""

    _fields_ = [
        ("size", c_size_t),
        ("flags", c_uint),
        ("timeout_ms", c_uint32),
        ("label", c_char_p),
        ("base", c_char_p),
        ("max_segments", c_uint32),
        ("max_lanes", c_uint32),
    ]


class Pin(Structure):
    """struct segreg_pin"""

    _fields_ = [("id", c_uint64), ("owner", c_uint64), ("slot", c_uint32), ("generation", c_uint32)]


class Map(Structure):
    """struct segreg_map"""

    _fields_ = [("data", c_void_p), ("length", c_size_t), ("pin", Pin)]


class Snapshot(Structure):
    """struct segreg_snapshot"""

    _fields_ = [("version", c_uint64), ("owner", c_uint64), ("cell", c_uint32), ("kind", c_int)]


class Entry(Structure):
    """struct segreg_entry"""

    _fields_ = [
        ("size", c_size_t),
        ("cursor", c_uint64),
        ("id", c_uint64),
        ("born", c_uint64),
        ("is_directory", c_int),
        ("path", c_char * (PATH_MAX + 1)),
        ("user_size", c_size_t),
        ("user", c_ubyte * USER_SIZE),
    ]


class Stats(Structure):
    """struct segreg_stats"""

    _fields_ = [
        ("size", c_size_t),
        ("building", c_uint64),
        ("live", c_uint64),
        ("pending", c_uint64),
        ("deleting", c_uint64),
        ("failed", c_uint64),
        ("missing", c_uint64),
        ("version", c_uint64),
        ("lanes", c_uint64),
        ("starts", c_uint64),
        ("deleted", c_uint64),
        ("bytes_freed", c_uint64),
        ("reclaimed", c_uint64),
        ("reclaimed_pins", c_uint64),
        ("repairs", c_uint64),
        ("max_segments", c_uint64),
        ("max_lanes", c_uint64),
        ("region_bytes", c_uint64),
        ("commits", c_uint64),
        ("commit_ns", c_uint64),
        ("commit_ns_max", c_uint64),
        ("schema", c_uint32),
        ("layout", c_uint32),
        ("discards", c_uint64),
        ("discards_since", c_int64),
        ("discards_error", c_int32),
    ]


class Info(Structure):
    """struct segreg_info"""

    _fields_ = [
        ("id", c_uint64),
        ("state", c_int),
        ("is_directory", c_int),
        ("is_missing", c_int),
        ("error", c_int),
        ("attempts", c_uint32),
        ("pins", c_uint64),
        ("born", c_uint64),
        ("retired", c_uint64),
        ("registered_at", c_int64),
        ("retired_at", c_int64),
        ("held_since", c_int64),
        ("retry_at", c_int64),
        ("path", c_char_p),
        ("is_weakly_identified", c_int),
        ("is_abandoned", c_int),
        ("builder_pid", c_int64),
        ("is_builder_foreign", c_int),
        ("user_size", c_size_t),
        ("user", c_ubyte * USER_SIZE),
    ]


class Holder(Structure):
    """struct segreg_holder"""

    _fields_ = [
        ("lane", c_uint32),
        ("epoch", c_uint32),
        ("pid", c_int64),
        ("is_foreign", c_int),
        ("uid", c_uint32),
        ("pins", c_uint64),
        ("attached_at", c_int64),
        ("label", c_char_p),
        ("snapshots", c_uint64),
        ("horizons", c_uint64),
        ("oldest", c_uint64),
        ("is_evicted", c_int),
    ]


class Hold(Structure):
    """struct segreg_hold"""

    _fields_ = [
        ("kind", c_int),
        ("lane", c_uint32),
        ("epoch", c_uint32),
        ("version", c_uint64),
        ("id", c_uint64),
        ("pins", c_uint64),
    ]


class Finding(Structure):
    """struct segreg_finding"""

    _fields_ = [("kind", c_int), ("id", c_uint64), ("path", c_char_p), ("reason", c_char_p)]


class LogEntry(Structure):
    """struct segreg_log_entry"""

    _fields_ = [
        ("kind", c_int),
        ("number", c_uint64),
        ("at", c_int64),
        ("id", c_uint64),
        ("born", c_uint64),
        ("retired", c_uint64),
        ("registered_at", c_int64),
        ("retired_at", c_int64),
        ("path", c_char_p),
        ("bytes", c_uint64),
        ("lane", c_uint32),
        ("uid", c_uint32),
        ("pid", c_int64),
        ("attached_at", c_int64),
        ("pins", c_uint64),
        ("snapshots", c_uint64),
        ("label", c_char_p),
        ("by_pid", c_int64),
        ("by_uid", c_uint32),
        ("by_label", c_char_p),
        ("reason", c_char_p),
        ("user_size", c_size_t),
        ("user", c_ubyte * USER_SIZE),
    ]


class LeaseItem(Structure):
    """struct segreg_lease_item"""

    _fields_ = [("id", c_uint64), ("born", c_uint64)]


class Lease(Structure):
    """struct segreg_lease"""

    _fields_ = [
        ("name", c_char_p),
        ("floor", c_uint64),
        ("items", POINTER(LeaseItem)),
        ("n", c_size_t),
        ("put_at", c_int64),
        ("changed_at", c_int64),
        ("by_pid", c_int64),
        ("by_uid", c_uint32),
        ("by_label", c_char_p),
    ]


class SweepEvent(Structure):
    """struct segreg_sweep_event"""

    _fields_ = [
        ("action", c_int),
        ("id", c_uint64),
        ("path", c_char_p),
        ("bytes", c_uint64),
        ("error", c_int),
        ("retry_at", c_int64),
        ("reason", c_char_p),
        ("pins", c_uint64),
        ("pid", c_int64),
        ("label", c_char_p),
        ("snapshots", c_uint64),
        ("has_horizon", c_int),
        ("lease", c_char_p),
    ]


class DebugItem(Structure):
    """struct segreg_debug_item"""

    _fields_ = [
        ("part", c_char_p),
        ("number", c_int64),
        ("name", c_char_p),
        ("value", c_char_p),
        ("remark", c_char_p),
        ("is_damaged", c_int),
        ("pid", c_int64),
    ]


# Callbacks. The argument that a call hands on to them is a generator: see _walk.py, which says why. ctypes then calls
# GeneratorType.send(generator, pointer) or next(generator).
ListFn = CFUNCTYPE(c_int, py_object, POINTER(Info))
SnapshotFn = CFUNCTYPE(c_int, py_object, POINTER(Entry))
LeaseFn = CFUNCTYPE(c_int, py_object, POINTER(Lease))
HolderFn = CFUNCTYPE(c_int, py_object, POINTER(Holder))
HoldFn = CFUNCTYPE(c_int, py_object, POINTER(Hold))
CheckFn = CFUNCTYPE(c_int, py_object, POINTER(Finding))
LogFn = CFUNCTYPE(c_int, py_object, POINTER(LogEntry))
SweepFn = CFUNCTYPE(c_int, py_object, POINTER(SweepEvent))
SweepStopFn = CFUNCTYPE(c_int, py_object)
DebugFn = CFUNCTYPE(c_int, py_object, POINTER(DebugItem))

_send: Any = types.GeneratorType.send
list_fn = ListFn(_send)
snapshot_fn = SnapshotFn(_send)
lease_fn = LeaseFn(_send)
holder_fn = HolderFn(_send)
hold_fn = HoldFn(_send)
check_fn = CheckFn(_send)
log_fn = LogFn(_send)
sweep_fn = SweepFn(_send)
sweep_stop_fn = SweepStopFn(next)
debug_fn = DebugFn(_send)


class SweepOptions(Structure):
    """struct segreg_sweep_options"""

    _fields_ = [
        ("size", c_size_t),
        ("flags", c_uint),
        ("limit", c_uint32),
        ("grace_ms", c_uint64),
        ("pace", c_uint64),
        ("fn", SweepFn),
        ("arg", py_object),
        ("pace_files", c_uint64),
        ("stop", SweepStopFn),
    ]


class SweepResult(Structure):
    """struct segreg_sweep_result"""

    _fields_ = [
        ("size", c_size_t),
        ("deleted", c_uint64),
        ("bytes_freed", c_uint64),
        ("bytes_linked", c_uint64),
        ("held", c_uint64),
        ("waiting", c_uint64),
        ("failed", c_uint64),
        ("reclaimed", c_uint64),
        ("reclaimed_pins", c_uint64),
        ("next_at", c_int64),
    ]


class Watch(Structure):
    """struct segreg_watch"""

    _fields_ = [("owner", c_uint64), ("fd", c_int), ("what", c_uint)]


class DebugOptions(Structure):
    """struct segreg_debug_options"""

    _fields_ = [("size", c_size_t), ("flags", c_uint), ("slot", c_uint32), ("id", c_uint64), ("region", c_char_p)]


# Result and arguments of each call. A handle and an edit are void pointers.
REG, EDIT = c_void_p, c_void_p
CALLS: Dict[str, Tuple[Any, List[Any]]] = {
    "segreg_strerror": (c_char_p, [c_int]),
    "segreg_last_error": (c_char_p, []),
    "segreg_version_string": (c_char_p, []),
    "segreg_open": (c_int, [c_char_p, POINTER(OpenOptions), POINTER(REG)]),
    "segreg_close": (c_int, [REG, POINTER(c_uint64)]),
    "segreg_base_path": (c_char_p, [REG]),
    "segreg_register": (c_int, [REG, c_uint64, c_char_p]),
    "segreg_reserve": (c_int, [REG, c_uint64, c_char_p]),
    "segreg_unreserve": (c_int, [REG, c_uint64]),
    "segreg_retire": (c_int, [REG, c_uint64]),
    "segreg_retire_path": (c_int, [REG, c_char_p]),
    "segreg_discard": (c_int, [REG, POINTER(c_char_p), c_size_t, c_uint]),
    "segreg_vacate": (c_int, [REG, c_char_p]),
    "segreg_force_remove": (c_int, [REG, c_uint64, c_uint]),
    "segreg_edit_begin": (c_int, [REG, POINTER(EDIT)]),
    "segreg_edit_add": (c_int, [EDIT, c_uint64, c_char_p]),
    "segreg_edit_set_user": (c_int, [EDIT, c_void_p, c_size_t]),
    "segreg_edit_retire": (c_int, [EDIT, c_uint64]),
    "segreg_edit_retire_path": (c_int, [EDIT, c_char_p]),
    "segreg_edit_discard": (c_int, [EDIT, c_char_p]),
    "segreg_edit_expect": (c_int, [EDIT, c_uint64]),
    "segreg_edit_expect_live": (c_int, [EDIT]),
    "segreg_edit_sync": (c_int, [EDIT]),
    "segreg_edit_token": (c_int, [EDIT, POINTER(c_ubyte)]),
    "segreg_edit_commit": (c_int, [EDIT, POINTER(c_uint64)]),
    "segreg_edit_abort": (None, [EDIT]),
    "segreg_version": (c_int, [REG, POINTER(c_uint64)]),
    "segreg_wait": (c_int, [REG, c_uint64, c_int, POINTER(c_uint64)]),
    "segreg_pin": (c_int, [REG, c_uint64, c_uint, POINTER(Pin)]),
    "segreg_pin_many": (c_int, [REG, POINTER(c_uint64), c_size_t, c_uint, POINTER(Pin)]),
    "segreg_unpin": (c_int, [REG, POINTER(Pin)]),
    "segreg_unpin_many": (c_int, [REG, POINTER(Pin), c_size_t]),
    "segreg_pin_receive": (c_int, [REG, POINTER(Pin), POINTER(Pin)]),
    "segreg_pin_path": (c_int, [REG, POINTER(Pin), POINTER(c_char), c_size_t]),
    "segreg_pin_open": (c_int, [REG, POINTER(Pin), c_char_p, POINTER(c_int)]),
    "segreg_map": (c_int, [REG, c_uint64, c_char_p, c_uint, POINTER(Map)]),
    "segreg_unmap": (c_int, [REG, POINTER(Map)]),
    "segreg_snapshot_take": (c_int, [REG, c_int, POINTER(Snapshot)]),
    "segreg_snapshot_release": (c_int, [REG, POINTER(Snapshot)]),
    "segreg_snapshot_trade": (c_int, [REG, c_int, POINTER(Snapshot)]),
    "segreg_snapshot_receive": (c_int, [REG, POINTER(Snapshot), POINTER(Snapshot)]),
    "segreg_snapshot_next": (c_int, [REG, POINTER(Snapshot), POINTER(Entry)]),
    "segreg_snapshot_list": (c_int, [REG, POINTER(Snapshot), c_int, SnapshotFn, py_object]),
    "segreg_snapshot_find": (c_int, [REG, POINTER(Snapshot), c_uint64, POINTER(Entry)]),
    "segreg_lease_put": (c_int, [REG, c_char_p, c_uint64, POINTER(LeaseItem), c_size_t]),
    "segreg_lease_drop": (c_int, [REG, c_char_p]),
    "segreg_lease_list": (c_int, [REG, LeaseFn, py_object]),
    "segreg_is_live": (c_int, [REG, c_uint64]),
    "segreg_state": (c_int, [REG, c_uint64, POINTER(c_int)]),
    "segreg_find": (c_int, [REG, c_char_p, POINTER(c_uint64), POINTER(c_int)]),
    "segreg_is_discarded": (c_int, [REG, c_char_p]),
    "segreg_refcount": (c_int, [REG, c_uint64, POINTER(c_uint64)]),
    "segreg_stats": (c_int, [REG, POINTER(Stats)]),
    "segreg_stats_format": (c_int, [POINTER(Stats), POINTER(c_char), c_size_t]),
    "segreg_list": (c_int, [REG, ListFn, py_object]),
    "segreg_list_retired": (c_int, [REG, ListFn, py_object]),
    "segreg_list_many": (c_int, [REG, POINTER(c_uint64), c_size_t, ListFn, py_object]),
    "segreg_list_one": (c_int, [REG, c_uint64, ListFn, py_object]),
    "segreg_holders": (c_int, [REG, c_uint64, HolderFn, py_object]),
    "segreg_lanes": (c_int, [REG, HolderFn, py_object]),
    "segreg_holds": (c_int, [REG, HoldFn, py_object]),
    "segreg_check": (c_int, [REG, c_uint, CheckFn, py_object]),
    "segreg_log": (c_int, [REG, c_uint64, LogFn, py_object]),
    "segreg_sweep": (c_int, [REG, POINTER(SweepOptions), POINTER(SweepResult)]),
    "segreg_evict": (c_int, [REG, c_uint32, c_uint32, POINTER(c_uint64)]),
    "segreg_sweep_wait": (c_int, [REG, POINTER(c_uint32), c_int]),
    "segreg_sweep_wake": (c_int, [REG]),
    "segreg_watch": (c_int, [REG, c_uint, POINTER(Watch)]),
    "segreg_watch_clear": (c_int, [REG, POINTER(Watch)]),
    "segreg_unwatch": (c_int, [REG, POINTER(Watch)]),
    "segreg_wait_off": (c_int, [REG, c_int]),
    "segreg_debug": (c_int, [c_char_p, POINTER(DebugOptions), DebugFn, py_object]),
}
# The header's other calls. The enum State has the names of segreg_state_name, and Lease.holds asks no library.
NOT_BOUND = ["segreg_lease_holds", "segreg_state_name"]

WAY_OUT = (
    "install the library (Debian: apt-get install libsegreg0; from source: make install, then ldconfig), "
    "or name its directory in LD_LIBRARY_PATH"
)


def path_of_library() -> str:
    """Where the dynamic linker found the library."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
            for line in maps:
                path = line.rstrip("\n").partition("/")
                if path[1] and "/libsegreg.so" in path[1] + path[2]:
                    return path[1] + path[2]
    except OSError:
        pass
    return SONAME


def numbers_of(version: str) -> Tuple[int, ...]:
    """A version as numbers that can be compared; () if it is none."""
    try:
        return tuple(int(part) for part in version.split("."))
    except ValueError:
        return ()


def declare(library: Any) -> None:
    """Give each call its types. Raises ImportError if the library is not one that this package can use."""
    try:
        library.segreg_version_string.restype = c_char_p
        library.segreg_version_string.argtypes = []
        version: str = library.segreg_version_string().decode()
    except AttributeError:
        raise ImportError(f"{path_of_library()} is not the library of segreg: {WAY_OUT}") from None
    if numbers_of(version) < numbers_of(VERSION):
        raise ImportError(
            f"{path_of_library()} is segreg {version}, and the Python package segreg {VERSION} needs "
            f"{VERSION} or newer: {WAY_OUT}"
        )
    for name, (result, arguments) in CALLS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise ImportError(
                f"{path_of_library()} has no {name}, which the Python package segreg {VERSION} calls: {WAY_OUT}"
            ) from None
        function.restype = result
        function.argtypes = arguments


def load() -> Any:
    """The library, declared. A CDLL lets go of the interpreter's lock during each call."""
    try:
        library = ctypes.CDLL(SONAME)
    except OSError as error:
        raise ImportError(f"cannot load {SONAME}: {error}; {WAY_OUT}") from None
    declare(library)
    return library


lib: Any = load()
libc: Any = ctypes.CDLL(None)
libc.munmap.restype = c_int
libc.munmap.argtypes = [c_void_p, c_size_t]
