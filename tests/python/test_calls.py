"""Each call of the package, as a program uses it."""

import os
import pathlib
import uuid

import segreg
from support import Thread, World, eventually


class Calls(World):
    def test_life(self):
        """a registry is created, named, closed once, and refuses calls from then on"""
        self.assertEqual(self.reg.base, self.base)
        self.assertEqual(self.reg.directory, self.directory)
        self.assertFalse(self.reg.closed)
        with segreg.open(pathlib.Path(self.directory)) as other:
            self.add(1)
            pin = other.pin(1)
            self.assertEqual(other.close(), 1)
        self.assertFalse(pin.held)
        pin.release()
        self.assertTrue(other.closed)
        self.assertEqual(other.close(), 0)
        with self.assertRaisesRegex(segreg.ClosedError, "the registry is closed"):
            other.pin(1)
        self.assertEqual(self.reg.refcount(1), 0)

    def test_options(self):
        """options of an open reach the library: limits, label, base, timeout"""
        base = os.path.join(self.root, "other")
        os.mkdir(base)
        directory = os.path.join(self.root, "other.registry")
        options = {"max_segments": 100, "max_lanes": 7, "label": "me", "timeout": 2}
        with segreg.open(directory.encode(), create=True, base=base, **options) as reg:
            self.assertEqual(reg.base, base)
            self.assertEqual((reg.stats().max_segments, reg.stats().max_lanes), (100, 7))
            self.assertEqual([h.label for h in reg.lanes()], ["me"])
        with self.assertRaises(segreg.NotFoundError):
            segreg.open(os.path.join(self.root, "nowhere"))
        for timeout in (-1, float("nan"), 1e300):
            with self.assertRaises(segreg.InvalidError):
                segreg.open(directory, timeout=timeout)
        os.rename(base, base + "2")
        with segreg.open(directory, adopt=True, base=base + "2") as reg:
            self.assertEqual(reg.base, os.path.realpath(base + "2"))

    def test_one_segment(self):
        """register, ask, retire, sweep; each state is shown, and each wrong one refused"""
        self.add(1)
        self.assertTrue(self.reg.is_live(1))
        self.assertIs(self.reg.state(1), segreg.State.LIVE)
        self.write("seg-2", {})
        with self.assertRaisesRegex(segreg.ExistsError, "id 1|segment 1"):
            self.reg.register(1, "seg-2")
        with self.assertRaises(segreg.PathError):
            self.reg.register(2, "../outside")
        self.reg.retire(1)
        self.assertFalse(self.reg.is_live(1))
        self.assertIs(self.reg.state(1), segreg.State.PENDING)
        with self.assertRaises(segreg.NotFoundError):
            self.reg.pin(1, live=True)
        with self.reg.pin(1):
            self.assertEqual(self.reg.sweep().held, 1)
        self.assertEqual(self.reg.sweep().deleted, 1)
        self.assertFalse(self.exists(1))
        with self.assertRaises(segreg.NotFoundError):
            self.reg.state(1)

    def test_reservation(self):
        """a reservation is published, given up, or ends with its handle"""
        self.reg.reserve(1, "seg-1")
        self.assertIs(self.reg.state(1), segreg.State.BUILDING)
        self.write("seg-1", {"data": b"1"})
        self.reg.register(1, "seg-1")
        self.assertTrue(self.reg.is_live(1))
        self.reg.reserve(2, "seg-2")
        self.write("seg-2", {"data": b"2"})
        self.reg.unreserve(2)
        self.reg.sweep()
        self.assertFalse(self.exists(2))

    def test_next_id(self):
        """the registry chooses ids from 2^63 on, and finds segments by their paths"""
        self.write("a", {})
        self.write("b", {})
        self.reg.register(segreg.ID_NEXT, "a")
        with self.reg.edit() as edit:
            edit.add(segreg.ID_NEXT, "b")
        found = [self.reg.find(path) for path in ("a", os.path.join(self.base, "b"))]
        self.assertEqual([item.state for item in found], [segreg.State.LIVE] * 2)
        self.assertTrue(2**63 <= found[0].id < found[1].id < 2**64 - 1)
        self.reg.retire_path("a")
        self.assertEqual(self.reg.find("a"), (found[0].id, segreg.State.PENDING))
        with self.assertRaises(segreg.NotFoundError):
            self.reg.find("c")
        with self.assertRaises(segreg.PathError):
            self.reg.retire_path("/elsewhere")

    def test_discard(self):
        """files are discarded by their paths, together, held by an older horizon, and their names vacated"""
        for name in ("one", "two"):
            pathlib.Path(self.base, name).write_bytes(b"x")
        version = self.reg.version
        with self.reg.horizon():
            self.reg.discard("one", pathlib.Path(self.base, "two"), b"absent", relaxed=True)
            self.assertEqual([self.reg.is_discarded(name) for name in ("one", "absent")], [True, False])
            self.reg.discard()
            self.assertEqual((self.reg.version, self.reg.sweep().held), (version + 1, 2))
            self.reg.vacate("one")
            pathlib.Path(self.base, "one").write_bytes(b"new")
        self.assertEqual(self.reg.sweep().deleted, 1)
        self.assertEqual(sorted(os.listdir(self.base))[-1], "one")
        self.reg.discard()
        for name in ("three", "four"):
            pathlib.Path(self.base, name).write_bytes(b"x")
        self.reg.register(3, "three")
        with self.reg.edit() as edit:
            edit.retire_path("three")
            edit.discard("four")
        self.assertEqual(self.reg.sweep().deleted, 2)
        with self.assertRaises(segreg.PathError):
            self.reg.discard("one", "..")
        self.assertEqual(self.reg.retired(), [])

    def test_force_remove(self):
        """force_remove leaves the files, and needs force while the segment is held"""
        self.add(1)
        with self.reg.pin(1):
            with self.assertRaises(segreg.BusyError):
                self.reg.force_remove(1)
            self.reg.force_remove(1, force=True)
        self.assertTrue(self.exists(1))

    def test_edit(self):
        """an edit commits at the end of its with statement, all of it, and is aborted by an exception"""
        self.add(1)
        self.write("seg-2", {"data": b"2"})
        before = self.reg.version
        with self.reg.edit() as edit:
            edit.add(2, "seg-2")
            edit.retire(1)
            with self.assertRaises(segreg.InvalidError):
                edit.version
            self.assertEqual(self.reg.version, before)
        self.assertEqual(edit.version, before + 1)
        self.assertEqual(self.reg.version, before + 1)
        self.assertEqual((self.reg.state(1), self.reg.state(2)), (segreg.State.PENDING, segreg.State.LIVE))
        with self.assertRaises(ZeroDivisionError), self.reg.edit() as edit:
            edit.retire(2)
            raise ZeroDivisionError
        self.assertTrue(self.reg.is_live(2))
        for call in (edit.commit, lambda: edit.retire(2), edit.expect_live):
            with self.assertRaisesRegex(segreg.InvalidError, "has ended"):
                call()
        edit.abort()

    def test_user(self):
        """the caller's own bytes of a segment are wherever it is shown"""
        self.write("seg-1", {"data": b"1"})
        with self.reg.edit() as edit:
            with self.assertRaises(segreg.InvalidError):
                edit.set_user(b"before any addition")
            edit.add(1, "seg-1")
            with self.assertRaises(segreg.InvalidError):
                edit.set_user(bytes(segreg.USER_SIZE + 1))
            edit.set_user(b"level 3\0")
        self.assertEqual(self.reg.segment(1).user, b"level 3\0")
        with self.reg.snapshot() as snapshot:
            self.assertEqual([entry.user for entry in snapshot], [b"level 3\0"])
        self.reg.retire(1)
        self.reg.sweep()
        self.assertEqual(self.reg.log()[-1].user, b"level 3\0")

    def test_edit_in_steps(self):
        """commit and abort inside a with statement end the edit, and the end of the statement does nothing more"""
        self.add(1)
        with self.reg.edit() as edit:
            edit.retire(1)
            version = edit.commit()
        self.assertEqual(version, self.reg.version)
        with self.reg.edit() as edit:
            edit.abort()
        self.assertEqual(version, self.reg.version)

    def test_expectations(self):
        """an edit with an expectation fails as a whole; with a token it is made once"""
        self.add(1)
        self.add(2)
        version = self.reg.version
        self.reg.retire(1)
        with self.assertRaises(segreg.ConflictError):
            with self.reg.edit(expect=version) as edit:
                edit.retire(2)
        with self.assertRaises(segreg.ConflictError):
            with self.reg.edit(expect_live=True, sync=True) as edit:
                edit.retire(2)
                edit.retire(1)
        self.assertTrue(self.reg.is_live(2))
        token = uuid.uuid4().bytes
        versions = []
        for _ in range(2):
            with self.reg.edit(token=token) as edit:
                edit.retire(2)
            versions.append(edit.version)
        self.assertEqual(versions, [self.reg.version] * 2)
        with self.assertRaisesRegex(segreg.InvalidError, "16 bytes"):
            self.reg.edit(token=b"short")

    def test_pin(self):
        """a pin shows its path, opens files in it, and is released once"""
        self.add(7, {"data": b"seven", "more": b""})
        with self.reg.pin(7) as pin:
            self.assertEqual((pin.id, pin.held), (7, True))
            self.assertEqual(pin.path, os.path.join(self.reg.base, "seg-7"))
            with pin.open("data") as file:
                self.assertEqual(file.read(), b"seven")
            with self.assertRaises(segreg.PathError):
                pin.open("../registry/registry.lock")
            with self.assertRaises(segreg.NoFileError):
                pin.open("absent")
            self.assertEqual(self.reg.refcount(7), 1)
            other = self.reg.pin(7)
        self.assertFalse(pin.held)
        pin.release()
        self.assertEqual(self.reg.refcount(7), 1)  # the second release takes no other pin away
        with self.assertRaises(segreg.NotPinnedError):
            pin.path
        other.release()
        self.assertEqual(self.reg.refcount(7), 0)

    def test_regular_file(self):
        """a segment that is a regular file is opened and mapped without a name"""
        pathlib.Path(self.base, "one.seg").write_bytes(b"contents")
        self.reg.register(1, "one.seg")
        with self.reg.pin(1) as pin, pin.open() as file:
            self.assertEqual(file.read(), b"contents")
        with self.reg.map(1) as map_:
            self.assertEqual(bytes(map_.data), b"contents")

    def test_pin_many(self):
        """many pins come together or not at all, and are released together"""
        for id in range(1, 6):
            self.add(id)
        with self.reg.pin_many(range(1, 6)) as pins:
            self.assertEqual([pin.id for pin in pins], [1, 2, 3, 4, 5])
            self.assertEqual(len(pins), 5)
            self.assertEqual([pin.id for pin in pins[1:3]], [2, 3])
            pins[0].release()
            self.assertEqual([self.reg.refcount(id) for id in range(1, 6)], [0, 1, 1, 1, 1])
        self.assertEqual([self.reg.refcount(id) for id in range(1, 6)], [0] * 5)
        with self.assertRaises(segreg.NotFoundError):
            self.reg.pin_many([1, 2, 99])
        self.assertEqual(self.reg.refcount(1), 0)
        with self.reg.pin_many([]) as pins:
            self.assertEqual(list(pins), [])

    def test_snapshot(self):
        """a snapshot is walked as often as asked, and holds what is retired after it"""
        for id in range(1, 4):
            self.add(id)
        with self.reg.snapshot() as snapshot:
            self.assertEqual(snapshot.kind, segreg.SnapshotKind.SNAPSHOT)
            self.assertEqual(snapshot.version, self.reg.version)
            self.reg.retire(1)
            self.add(4)
            self.assertEqual(self.reg.sweep().held, 1)
            for _ in range(2):
                entries = sorted(snapshot)
                self.assertEqual([entry.id for entry in entries], [1, 2, 3])
            self.assertEqual(entries[0], segreg.Entry(1, "seg-1", 1, True, b""))
            snapshot.trade()
            self.assertEqual(sorted(entry.id for entry in snapshot), [2, 3, 4])
            self.assertEqual(self.reg.sweep().deleted, 1)
        self.assertFalse(snapshot.held)
        with self.assertRaises(segreg.Error):
            list(snapshot)

    def test_snapshot_in_order(self):
        """a snapshot lists its segments by id or by path, and finds one of them"""
        for id, path in ((3, "a"), (1, "c"), (2, "b")):
            self.write(path, {})
            self.reg.register(id, path)
        with self.reg.snapshot() as snapshot:
            self.reg.retire(1)
            self.add(4)
            self.assertEqual([entry.id for entry in snapshot.list()], [1, 2, 3])
            self.assertEqual([entry.path for entry in snapshot.list(segreg.Order.BY_PATH)], ["a", "b", "c"])
            self.assertEqual(snapshot.find(1), segreg.Entry(1, "c", 2, True, b""))
            with self.assertRaises(segreg.NotFoundError):
                snapshot.find(4)

    def test_horizon(self):
        """a horizon holds what is retired after it, and has no set to walk"""
        self.add(1)
        with self.reg.horizon() as horizon:
            self.assertEqual(horizon.kind, segreg.SnapshotKind.HORIZON)
            self.reg.retire(1)
            self.assertEqual(self.reg.sweep().held, 1)
            with self.assertRaisesRegex(segreg.InvalidError, "horizon"):
                list(horizon)
            self.assertEqual(self.reg.holders(1)[0].horizons, 1)
        self.assertEqual(self.reg.sweep().deleted, 1)

    def test_wait(self):
        """a wait returns the new version, or ends with TimedOutError and its own words"""
        self.add(1)
        version = self.reg.version
        self.assertEqual(self.reg.wait(0), version)
        for timeout in (0, 0.001, 0.15):
            with self.assertRaisesRegex(segreg.TimedOutError, f"no version after {version} within {timeout} seconds"):
                self.reg.wait(version, timeout)
        with self.assertRaises(segreg.InvalidError):
            self.reg.wait(version, -1)

    def test_sweep_wait(self):
        """a sweep's wait returns a ticket at once, and another one after a retirement"""
        self.add(1)
        ticket = self.reg.sweep_wait()
        with self.assertRaises(TimeoutError):
            self.reg.sweep_wait(ticket, 0)
        self.reg.retire(1)
        self.assertNotEqual(self.reg.sweep_wait(ticket), ticket)
        ticket = self.reg.sweep_wait()
        self.reg.sweep_wake()
        self.assertNotEqual(self.reg.sweep_wait(ticket, 60), ticket)

    def test_wait_off(self):
        """waits that are called off end with CalledOffError, until they are allowed again"""
        waiter = Thread(self.reg.wait, self.reg.version)
        eventually(lambda: waiter.ident in self.reg._handle._running)
        self.reg.wait_off()
        with self.assertRaises(segreg.CalledOffError):
            waiter.join()
        with self.assertRaises(segreg.CalledOffError):
            self.reg.wait(self.reg.version)
        self.reg.wait_off(False)
        with self.assertRaises(segreg.TimedOutError):
            self.reg.wait(self.reg.version, 0)

    def test_asking(self):
        """segments, holders, lanes, stats and the journal have the library's members"""
        self.add(1)
        self.add(2)
        self.reg.retire(2)
        self.assertEqual(sorted(info.id for info in self.reg.segments()), [1, 2])
        self.assertEqual([info.id for info in self.reg.retired()], [2])
        info = self.reg.segment(1)
        self.assertEqual((info.path, info.state, info.is_directory, info.pins), ("seg-1", segreg.State.LIVE, True, 0))
        self.assertGreater(info.registered_at, 1_600_000_000_000_000_000)
        with self.assertRaises(segreg.NotFoundError):
            self.reg.segment(3)
        with self.reg.pin(1):
            holder = self.reg.holders(1)[0]
        self.assertEqual((holder.pid, holder.label, holder.pins, holder.is_foreign), (os.getpid(), "test", 1, False))
        with self.reg.pin(2), self.reg.snapshot() as snapshot:
            holds = self.reg.holds()
            kinds = [segreg.HoldKind.SNAPSHOT, segreg.HoldKind.PINS]
            self.assertEqual([hold.kind for hold in holds], kinds)
            self.assertEqual((holds[0].version, holds[1].id, holds[1].pins), (snapshot.version, 2, 1))
        self.assertEqual(self.reg.holds(), [])
        stats = self.reg.stats()
        self.assertEqual((stats.live, stats.pending, stats.version), (1, 1, self.reg.version))
        self.assertEqual(str(stats), "Registry: 1 live, 1 pending deletion, 2 total")
        events = []
        result = self.reg.sweep(events.append)
        self.assertEqual((result.deleted, [event.action for event in events]), (1, [segreg.SweepAction.DELETED]))
        entry = self.reg.log()[-1]
        self.assertEqual((entry.kind, entry.id, entry.path), (segreg.LogKind.DELETED, 2, "seg-2"))
        self.assertEqual(self.reg.log(after=entry.number), [])

    def test_sweep_options(self):
        """a sweep obeys dry_run, limit and grace"""
        for id in range(3):
            self.add(id)
            self.reg.retire(id)
        events = []
        self.assertEqual(self.reg.sweep(events.append, dry_run=True).deleted, 3)
        self.assertEqual(len(events), 3)
        self.assertTrue(self.exists(0))
        result = self.reg.sweep(grace=3600)
        self.assertEqual((result.deleted, result.waiting), (0, 3))
        self.assertGreater(result.next_at, 0)
        self.assertEqual(self.reg.sweep(limit=1, retry_now=True).deleted, 1)

    def test_check(self):
        """a check finds a missing segment and a stranger"""
        self.add(1)
        os.rename(os.path.join(self.base, "seg-1"), os.path.join(self.base, "stranger"))
        found = {finding.kind: finding for finding in self.reg.check(repair=True)}
        self.assertEqual(found[segreg.FindingKind.MISSING].id, 1)
        self.assertEqual(found[segreg.FindingKind.STRANGER].path, "stranger")

    def test_evict(self):
        """an eviction takes what a handle holds; its calls fail with EvictedError, its views stay readable"""
        self.add(1)
        with segreg.open(self.directory, label="victim") as victim:
            pin = victim.pin(1)
            map_ = victim.map(1, "data")
            view = map_.data
            lane = next(holder for holder in self.reg.lanes() if holder.label == "victim")
            self.assertEqual(self.reg.evict(lane.lane, lane.epoch), 2)
            with self.assertRaises(segreg.EvictedError):
                victim.pin(1)
            with self.assertRaises(segreg.EvictedError):
                pin.release()
            self.assertEqual(bytes(view), b"segment 1")
            with self.assertRaises(segreg.EvictedError):
                map_.close()
            self.assertTrue(map_.closed)
            with self.assertWarns(ResourceWarning):
                del pin  # tries again, in silence

    def test_debug(self):
        """debug shows shared memory without a handle: all of it, one segment, or a saved copy"""
        self.add(1)
        segreg.open(self.directory).close()
        everything = segreg.debug(self.directory)
        self.assertIn("header", {item.part for item in everything})
        self.assertFalse(any(item.is_damaged for item in everything))
        self.assertEqual({item.part for item in segreg.debug(self.directory, id=1)} & {"header", "lane"}, set())
        self.assertGreater(len(segreg.debug(self.directory, everything=True)), len(everything))
        slot = segreg.debug(self.directory, id=1)[0].number
        self.assertEqual(segreg.debug(self.directory, slot=slot), segreg.debug(self.directory, id=1))
        saved = os.path.join(self.root, "saved")
        pathlib.Path(saved).write_bytes(b"too short")
        with self.assertRaises(segreg.CorruptError):
            segreg.debug(region=saved)

    def test_bad_arguments(self):
        """numbers that do not fit and paths with a null character are refused, not cut off"""
        for id in (-1, 1 << 64):
            with self.assertRaisesRegex(segreg.InvalidError, "between 0 and 18446744073709551615"):
                self.reg.pin(id)
        for id in (1.0, "1", None):
            with self.assertRaises((TypeError, AttributeError)):
                self.reg.pin(id)
        with self.assertRaisesRegex(segreg.InvalidError, "null character"):
            self.reg.register(1, "seg-1\0x")
        with self.assertRaisesRegex(segreg.InvalidError, "null character"):
            segreg.open(self.directory + "\0")
        with self.assertRaises(segreg.InvalidError):
            self.reg.evict(1 << 32, 1)
        with self.assertRaises(TypeError):
            self.reg.receive(b"bytes")
        with self.assertRaisesRegex(segreg.InvalidError, "24 bytes"):
            self.reg.receive(segreg.PinOffer(b"short"))

    def test_names_of_any_bytes(self):
        """a path that is no UTF-8 goes to the library and comes back as it was"""
        name = os.fsdecode(b"seg-\xff")
        self.write(name, {"\udcfe": b"x"})
        self.reg.register(1, name)
        self.assertEqual(self.reg.segment(1).path, name)
        with self.reg.pin(1) as pin, pin.open(b"\xfe") as file:
            self.assertEqual(file.read(), b"x")
            self.assertTrue(os.path.isdir(pin.path))

    def test_largest_id(self):
        """an id of 64 bits is kept whole"""
        id = (1 << 64) - 2
        self.add(id)
        with self.reg.pin(id) as pin:
            self.assertEqual(pin.id, id)
        self.assertEqual([info.id for info in self.reg.segments()], [id])
