"""segreg.py - what the library's structs mean, in gdb: source tests/gdb/segreg.py

Pretty printers: struct segreg (a handle), sr_registry, sr_header (of a region), sr_lock_word, sr_slot, sr_lane,
sr_letter. Command: sr-stop POINT sets a breakpoint at SR_STOP("POINT") in lib/, for a program with the testing build of
the library. Functions: $sr_word(W) is what a slot's word says, $sr_cell(C) what a snapshot cell says, $sr_hash(ID) the
hash of an id. print/r shows a struct without its printer.

Shared memory may be missing from a core: the kernel leaves it out unless bit 3 of /proc/PID/coredump_filter is set.
Then a printer says so. The numbers of threads and processes are those of the region's PID namespace.
"""
import pathlib

import gdb
import gdb.printing

LIB = pathlib.Path(__file__).resolve().parents[2] / "lib"
MISSING = "(not in this core)"


def name_of(enum, value):
    """SR_LIVE for 2; the number itself where the enum has no such value, or the program no debug information for it."""
    try:
        for field in gdb.lookup_type("enum " + enum).fields():
            if field.enumval == int(value):
                return field.name
    except gdb.error:
        pass
    return "%d (no %s)" % (int(value), enum)


def text(array):
    """A char array up to its NUL; one without an end up to its size."""
    size = array.type.range()[1] + 1
    raw = bytes(int(array[i]) & 0xff for i in range(size)).split(b"\0")[0]
    return '"%s"' % raw.decode("utf-8", "backslashreplace")


def word(value):
    value = int(value)
    return "%s, generation %d" % (name_of("sr_state", value & 0xff), value >> 8 & 0xffffffff)


def cell(value):
    value = int(value)
    if not value:
        return "empty"
    return "%s of version %d" % (name_of("segreg_snapshot_kind", value & 3), value >> 2)


class Printer:
    """One line, and below it the members that children yields."""
    def __init__(self, value):
        self.value = value

    def to_string(self):
        try:
            return self.line(self.value)
        except gdb.MemoryError:
            return MISSING

    def children(self):
        try:
            yield from self.members(self.value)
        except gdb.MemoryError:
            return

    def members(self, value):
        return iter(())


class Slot(Printer):
    def line(self, slot):
        return "segment %d, %s" % (int(slot["id"]), word(slot["word"]))


class LockWord(Printer):
    def line(self, lock):
        thread = int(lock["mutex"]["__data"]["__lock"]) & 0x3fffffff
        waiting = (int(lock["asked"]) - int(lock["served"])) & 0xffffffff
        return "%s, last taken by process %d, mutex %s, %d wait" % (
            name_of("sr_dirt", lock["dirty"]), int(lock["pid"]), "of thread %d" % thread if thread else "free", waiting)


class Lane(Printer):
    def line(self, lane):
        state = name_of("sr_lane_state", lane["state"])
        if int(lane["state"]) == 0:
            return "%s, epoch %d" % (state, int(lane["epoch"]))
        return "%s, epoch %d, process %d %s, uid %d, %d cells, %s" % (
            state, int(lane["epoch"]), int(lane["pid"]), text(lane["label"]), int(lane["uid"]), int(lane["cells"]),
            "counts" if int(lane["has_counts"]) else "no counts")


class Letter(Printer):
    def line(self, letter):
        state = name_of("sr_letter_state", letter["state"])
        line = "%s, seq %d, %d bytes" % (state, int(letter["seq"]), int(letter["length"]))
        if state != "SR_LETTER_DONE":
            return line
        code = int(letter["code"])
        if not code:
            return line + ", committed as version %d" % int(letter["version"])
        return line + ", %s: %s" % (name_of("segreg_error", code), text(letter["text"]))


class Header(Printer):
    HIDDEN = ("magic", "uuid", "lock", "posted", "populated")

    def line(self, header):
        uuid = "".join("%02x" % int(header["uuid"][i]) for i in range(16))
        return "region of registry %s%s" % (uuid, "" if int(header["ready"]) == 1 else ", not ready")

    def members(self, header):
        locks = header["lock"]
        for i in range(locks.type.range()[1] + 1):
            yield name_of("sr_lock_id", i), locks[i]
        for field in header.type.fields():
            if field.name not in self.HIDDEN:
                yield field.name, header[field.name]


class Registry(Printer):
    def line(self, registry):
        return "registry %s, %d handles, shared memory %s" % (
            text(registry["dir"]), int(registry["refs"]), text(registry["region_name"]))

    def members(self, registry):
        yield "base", text(registry["base"]["path"])
        yield "locks.foreign", registry["locks"]["foreign"]
        yield "queue.n", registry["queue"]["n"]
        header = registry["region"]["header"]
        yield "region.header", header.dereference() if int(header) else header


class Handle(Printer):
    def line(self, handle):
        if int(handle["magic"]) != 0x73656772:
            return "no open handle: closed, or of the parent process"
        return "handle with lane %d, epoch %d, of registry %s" % (
            int(handle["lane"]), int(handle["lane_id"]) >> 32, text(handle["registry"]["dir"]))

    def members(self, handle):
        if int(handle["magic"]) != 0x73656772:
            return
        yield "lane_head", handle["lane_head"].dereference()
        yield "letter", handle["row"]["letter"]
        for name in ("timeout_ms", "letter_in_use", "registry", "attachment"):
            yield name, handle[name]


def printers():
    collection = gdb.printing.RegexpCollectionPrettyPrinter("segreg")
    for name, printer in (("segreg", Handle), ("sr_registry", Registry), ("sr_header", Header),
                          ("sr_lock_word", LockWord), ("sr_slot", Slot), ("sr_lane", Lane), ("sr_letter", Letter)):
        collection.add_printer(name, "^%s$" % name, printer)
    return collection


class Function(gdb.Function):
    def __init__(self, name, what):
        super().__init__(name)
        self.what = what

    def invoke(self, value):
        return self.what(value)


def index_hash(value):
    """sr_index_hash of sr_table.h."""
    key = int(value) & (1 << 64) - 1
    block = (key >> 9) * 0xe680b683ce60fab1
    return "0x%016x" % (((key + ((block ^ block >> 64) & (1 << 64) - 1)) * 0x9e3779b97f4a7c15) & (1 << 64) - 1)


class Stop(gdb.Command):
    """sr-stop POINT: stop where the library has SR_STOP("POINT"). Only the testing build has code there."""
    def __init__(self):
        super().__init__("sr-stop", gdb.COMMAND_BREAKPOINTS)

    def invoke(self, argument, from_tty):
        points = []
        for path in sorted(LIB.rglob("*.c")):
            for number, line in enumerate(path.read_text().split("\n"), 1):
                if "SR_STOP(\"" in line:
                    points.append((line.split('"')[1], "%s:%d" % (path.relative_to(LIB), number)))
        here = [place for point, place in points if point == argument]
        if not here:
            raise gdb.GdbError("no such point; there are: " + ", ".join(sorted({point for point, place in points})))
        for place in here:
            gdb.Breakpoint(place)


gdb.printing.register_pretty_printer(None, printers(), replace=True)
Stop()
Function("sr_word", word)
Function("sr_cell", cell)
Function("sr_hash", index_hash)
