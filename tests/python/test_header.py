"""The structs, calls and constants of _native.py are those of segreg.h, by the header's text and by a C compiler."""

import ctypes
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest
from ctypes import POINTER

import segreg
from segreg import _native, _types
from support import ROOT

HEADER = (ROOT / "include" / "segreg.h").read_text()
CODE = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.S)

STRUCTS = {
    "segreg_open_options": _native.OpenOptions,
    "segreg_pin": _native.Pin,
    "segreg_map": _native.Map,
    "segreg_snapshot": _native.Snapshot,
    "segreg_entry": _native.Entry,
    "segreg_stats": _native.Stats,
    "segreg_info": _native.Info,
    "segreg_hold": _native.Hold,
    "segreg_holder": _native.Holder,
    "segreg_finding": _native.Finding,
    "segreg_log_entry": _native.LogEntry,
    "segreg_lease": _native.Lease,
    "segreg_lease_item": _native.LeaseItem,
    "segreg_sweep_event": _native.SweepEvent,
    "segreg_sweep_options": _native.SweepOptions,
    "segreg_sweep_result": _native.SweepResult,
    "segreg_watch": _native.Watch,
    "segreg_debug_item": _native.DebugItem,
    "segreg_debug_options": _native.DebugOptions,
}
CALLBACKS = {
    "segreg_list_fn *": _native.ListFn,
    "segreg_snapshot_fn *": _native.SnapshotFn,
    "segreg_lease_fn *": _native.LeaseFn,
    "segreg_hold_fn *": _native.HoldFn,
    "segreg_holder_fn *": _native.HolderFn,
    "segreg_check_fn *": _native.CheckFn,
    "segreg_log_fn *": _native.LogFn,
    "segreg_sweep_fn *": _native.SweepFn,
    "segreg_sweep_stop_fn *": _native.SweepStopFn,
    "segreg_debug_fn *": _native.DebugFn,
}
TYPES = {
    "void": None,
    "int": ctypes.c_int,
    "unsigned": ctypes.c_uint,
    "size_t": ctypes.c_size_t,
    "int32_t": ctypes.c_int32,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "char *": ctypes.c_char_p,
    "unsigned char": ctypes.c_ubyte,
    "int *": POINTER(ctypes.c_int),
    "uint32_t *": POINTER(ctypes.c_uint32),
    "uint64_t *": POINTER(ctypes.c_uint64),
    "char **": POINTER(ctypes.c_char_p),
    "struct segreg *": ctypes.c_void_p,
    "struct segreg_edit *": ctypes.c_void_p,
    "struct segreg **": POINTER(ctypes.c_void_p),
    "struct segreg_edit **": POINTER(ctypes.c_void_p),
    **CALLBACKS,
    **{f"struct {name} *": POINTER(struct) for name, struct in STRUCTS.items()},
}


def split(declaration):
    """A type and a name of "const char *path"; an array of bytes is a pointer to them."""
    declaration = " ".join(declaration.split())
    array = re.fullmatch(r"const unsigned char (\w+)\[16\]", declaration)
    if array:
        return POINTER(ctypes.c_ubyte), array[1]
    kind, name = re.fullmatch(r"(.*?[ *])(\w+(?:\[.*\])?)", declaration).groups()
    kind = re.sub(r"\bconst ", "", kind).strip()
    kind = re.sub(r"enum \w+", "int", kind)
    if kind == "void *" and name == "arg":
        return ctypes.py_object, name
    if kind == "void *":
        return ctypes.c_void_p, name
    if kind == "char *" and not declaration.startswith("const "):
        return POINTER(ctypes.c_char), name  # a buffer
    if name.startswith("path["):
        return ctypes.c_char * (_native.PATH_MAX + 1), "path"
    if name == "user[SEGREG_USER_SIZE]":
        return ctypes.c_ubyte * _native.USER_SIZE, "user"
    if kind == "struct segreg_pin":
        return _native.Pin, name
    return TYPES[kind], name


class Header(unittest.TestCase):
    maxDiff = None

    def test_structs(self):
        """each struct of the header is there, with its members' names, types and order"""
        found = {
            name: body
            for name, body in re.findall(r"^struct (\w+) \{\n(.*?)^\};", CODE, re.S | re.M)
        }
        self.assertEqual(set(found), set(STRUCTS))
        for name, body in found.items():
            members = [split(line) for line in body.split(";") if line.strip()]
            fields = [(kind, field) for field, kind in STRUCTS[name]._fields_]
            self.assertEqual(members, fields, name)

    def test_calls(self):
        """each call of the header is there, with the types of its result and its arguments"""
        calls = {}
        for result, name, arguments in re.findall(r"^((?:const )?\w[\w ]*?[ *])(segreg_\w+)\(([^)]*)\);", CODE, re.M):
            if not result.startswith("typedef"):
                parts = [] if arguments == "void" else [split(part)[0] for part in arguments.split(",")]
                calls[name] = split(result + "x")[0], parts
        self.assertGreater(len(calls), 45)
        for name in _native.NOT_BOUND:
            del calls[name]
        self.assertEqual(calls, _native.CALLS)

    def test_exports(self):
        """each call that the library exports is bound, but for those that NOT_BOUND names"""
        exported = re.findall(r"^\t\t(segreg_\w+);", (ROOT / "lib" / "libsegreg.map").read_text(), re.M)
        self.assertEqual(sorted(exported), sorted([*_native.CALLS, *_native.NOT_BOUND]))

    def test_callbacks(self):
        """each callback of the header is there, with the types of its arguments"""
        found = re.findall(r"^typedef int (segreg_\w+)\(([^)]*)\);", CODE, re.M)
        self.assertEqual({name + " *" for name, _ in found}, set(CALLBACKS))
        for name, arguments in found:
            parts = tuple(split(part)[0] for part in arguments.split(","))
            self.assertEqual(parts, CALLBACKS[name + " *"]._argtypes_, name)

    def test_enums(self):
        """each enum of the header has its values"""
        for name, prefix, enum in (
            ("segreg_state", "SEGREG_", segreg.State),
            ("segreg_snapshot_kind", "SEGREG_", segreg.SnapshotKind),
            ("segreg_order", "SEGREG_", segreg.Order),
            ("segreg_hold_kind", "SEGREG_HOLD_", segreg.HoldKind),
            ("segreg_finding_kind", "SEGREG_FOUND_", segreg.FindingKind),
            ("segreg_log_kind", "SEGREG_LOG_", segreg.LogKind),
            ("segreg_sweep_action", "SEGREG_SWEEP_", segreg.SweepAction),
        ):
            body = re.search(rf"^enum {name} \{{(.*?)\}};", CODE, re.S | re.M)[1]
            values = {key: int(value) for key, value in re.findall(rf"\b{prefix}(\w+) = (\d+)", body)}
            self.assertEqual(values, {member.name: member.value for member in enum}, name)

    def test_constants(self):
        """the flags and limits, and the version of the header are the package's"""
        for name, flags in re.findall(r"^#define SEGREG_(\w+) \(1u << (\d)\)", CODE, re.M):
            self.assertEqual(getattr(_native, name), 1 << int(flags), name)
        for name in ("LABEL_SIZE", "PATH_MAX", "PATH_SIZE", "USER_SIZE", "LEASE_NAME_MAX"):
            self.assertEqual(int(re.search(rf"#define SEGREG_{name} (\d+)", CODE)[1]), getattr(_native, name))
        self.assertRegex(CODE, r"#define SEGREG_ID_NEXT UINT64_MAX\n")
        self.assertEqual(segreg.ID_NEXT, 2**64 - 1)
        self.assertRegex(CODE, r"#define SEGREG_LEASE_NOW UINT64_MAX\s")
        self.assertRegex(CODE, r"#define SEGREG_LEASE_LISTED \(UINT64_MAX - 1\)\s")
        self.assertEqual((segreg.LEASE_NOW, segreg.LEASE_LISTED), (2**64 - 1, 2**64 - 2))
        version = ".".join(re.findall(r"^#define SEGREG_VERSION_\w+ (\d+)", CODE, re.M))
        self.assertEqual((segreg.__version__, segreg.library_version()), (version, version))
        self.assertEqual(_native.SONAME, f"libsegreg.so.{version.split('.')[0]}")

    def test_tuples(self):
        """each named tuple has all members of its struct, but for size and cursor"""
        for struct, cls in (
            (_native.Entry, segreg.Entry),
            (_native.Info, segreg.Info),
            (_native.Hold, segreg.Hold),
            (_native.Holder, segreg.Holder),
            (_native.Finding, segreg.Finding),
            (_native.LogEntry, segreg.LogEntry),
            (_native.Lease, segreg.Lease),
            (_native.LeaseItem, segreg.LeaseItem),
            (_native.SweepEvent, segreg.SweepEvent),
            (_native.SweepResult, segreg.SweepResult),
            (_native.Stats, segreg.Stats),
            (_native.DebugItem, segreg.DebugItem),
        ):
            members = {name for name, _ in struct._fields_} - {"size", "cursor", "user_size", "n"}
            self.assertEqual(set(cls._fields) - {"text"}, members, cls)
        self.assertEqual(segreg.Stats._fields[:-1], tuple(name for name, _ in _native.Stats._fields_[1:]))

    def test_layout(self):
        """a C compiler gives each struct the same size, and each member the same offset and size"""
        compiler = shlex.split(os.environ.get("CC", "cc"))
        if not shutil.which(compiler[0]):
            self.skipTest("there is no C compiler")
        lines, wanted = [], []
        for name, struct in STRUCTS.items():
            lines.append(f'printf("{name} %zu\\n", sizeof(struct {name}));')
            wanted.append(f"{name} {ctypes.sizeof(struct)}")
            for field, kind in struct._fields_:
                place = f"offsetof(struct {name}, {field}), sizeof(((struct {name} *)0)->{field})"
                lines.append(f'printf("{name}.{field} %zu %zu\\n", {place});')
                wanted.append(f"{name}.{field} {getattr(struct, field).offset} {ctypes.sizeof(kind)}")
        with tempfile.TemporaryDirectory() as scratch:
            source = os.path.join(scratch, "layout.c")
            head = "#include <segreg.h>\n#include <stdio.h>\nint main(void)\n{\n"
            with open(source, "w", encoding="utf-8") as file:
                file.write(head + "\n".join(lines) + "\nreturn 0;\n}\n")
            program = os.path.join(scratch, "layout")
            subprocess.run([*compiler, "-I", str(ROOT / "include"), "-o", program, source], check=True)
            printed = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout
        self.assertEqual(printed.splitlines(), wanted)


if __name__ == "__main__":
    unittest.main()
