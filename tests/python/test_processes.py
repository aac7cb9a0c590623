"""Other processes: pins and snapshots are handed over, by fork and by spawn, and a forked child has what is its own."""

import gc
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback

import segreg
from support import PATIENCE, Thread, World


def receive(directory, offer, connection):
    """A child: hold what was offered until the parent says more."""
    with segreg.open(directory, label="child") as reg:
        with reg.receive(offer) as hold:
            if isinstance(hold, segreg.Pin):
                with hold.open("data") as file:
                    connection.send((hold.id, file.read()))
            else:
                connection.send((hold.version, int(hold.kind)))
            connection.recv()
    connection.send("released")


def crash(directory, connection):
    """A child: pin segment 1 and end without a word."""
    reg = segreg.open(directory, label="crashed")
    pin = reg.pin(1)
    connection.send(pin.id)
    connection.recv()
    os._exit(1)


class Handover(World):
    def child(self, method, function, *args):
        context = multiprocessing.get_context(method)
        ours, theirs = context.Pipe()
        process = context.Process(target=function, args=(self.directory, *args, theirs))
        process.start()
        theirs.close()
        self.addCleanup(process.kill)
        return process, ours

    def test_pin(self):
        """a pin goes to a child that was forked, or spawned, without a moment at which the segment is not held"""
        for id, method in enumerate(("fork", "spawn", "forkserver")):
            self.add(id)
            pin = self.reg.pin(id)
            process, connection = self.child(method, receive, pin.offer())
            self.assertEqual(connection.recv(), (id, b"segment %d" % id))
            pin.release()
            self.reg.retire(id)
            self.assertEqual(self.reg.sweep().held, 1)
            self.assertEqual([holder.label for holder in self.reg.holders(id)], ["child"])
            connection.send("go on")
            self.assertEqual(connection.recv(), "released")
            process.join(PATIENCE)
            self.assertEqual(process.exitcode, 0)
            self.assertEqual(self.reg.sweep().deleted, 1)

    def test_snapshot(self):
        """a snapshot and a horizon go to a child in the same way"""
        self.add(1)
        for method in ("fork", "spawn"):
            for take in (self.reg.snapshot, self.reg.horizon):
                hold = take()
                version, kind = hold.version, hold.kind
                self.write("seg-2", {"data": b"2"})
                self.reg.register(2, "seg-2")
                process, connection = self.child(method, receive, hold.offer())
                self.assertEqual(connection.recv(), (version, kind))
                hold.release()
                self.reg.retire(2)
                held = self.reg.sweep().held
                self.assertEqual(held, int(kind == segreg.SnapshotKind.HORIZON))
                connection.send("go on")
                self.assertEqual(connection.recv(), "released")
                process.join(PATIENCE)
                self.reg.sweep()
                self.assertFalse(self.exists(2))

    def test_released(self):
        """an offer whose pin or snapshot is gone is refused"""
        self.add(1)
        with self.reg.snapshot() as snapshot:
            offer = snapshot.offer()
        with segreg.open(self.directory) as other:
            with self.assertRaises(segreg.NotPinnedError):
                other.receive(offer)
            with self.assertRaises(segreg.Error):
                other.receive(segreg.PinOffer(bytes(24)))

    def test_pickle(self):
        """offers are pickled; pins, snapshots, maps and registries say what to do instead"""
        self.add(1)
        with self.reg.pin(1) as pin, self.reg.snapshot() as snapshot, self.reg.map(1, "data") as map_:
            for offer in (pin.offer(), snapshot.offer()):
                again = pickle.loads(pickle.dumps(offer))
                self.assertEqual((again, hash(again)), (offer, hash(offer)))
            self.assertNotEqual(pin.offer(), snapshot.offer())
            for thing, word in ((pin, "offer"), (snapshot, "offer"), (map_, "map the file"), (self.reg, "directory")):
                with self.assertRaisesRegex(TypeError, word):
                    pickle.dumps(thing)

    def test_death(self):
        """the pins of a child that dies end with it"""
        self.add(1)
        process, connection = self.child("spawn", crash)
        self.assertEqual(connection.recv(), 1)
        self.reg.retire(1)
        self.assertEqual(self.reg.sweep().held, 1)
        connection.send("go on")
        process.join(PATIENCE)
        result = self.reg.sweep()
        self.assertEqual((result.deleted, result.reclaimed, result.reclaimed_pins), (1, 1, 1))


class Fork(World):
    def in_child(self, function):
        """Call function in a forked child, which must return without an exception."""
        sys.stdout.flush()
        pid = os.fork()
        if not pid:
            status = 1
            signal.alarm(PATIENCE)  # if it hangs
            try:
                function()
                gc.collect()
                status = 0 if not self.unraisable else 2
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        _, status = os.waitpid(pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0)

    def test_inherited_handle(self):
        """a child uses the inherited registry under its own pid; closing it there leaves the parent's alone"""
        self.add(1)

        def child():
            with self.reg.pin(1):
                holder = self.reg.holders(1)
                self.assertEqual(sorted(h.pid for h in holder), sorted([os.getpid(), os.getppid()]))
            self.reg.close()

        with self.reg.pin(1):
            self.in_child(child)
            self.assertEqual(self.reg.refcount(1), 1)
        self.in_child(self.reg.close)
        self.assertEqual((self.lanes(), self.reg.state(1)), (1, segreg.State.LIVE))

    def test_inherited_holds(self):
        """what the parent holds stays the parent's: in a child its copies are not held, and release nothing"""
        self.add(1)
        pin, snapshot, map_ = self.reg.pin(1), self.reg.snapshot(), self.reg.map(1, "data")
        view = map_.data
        edit = self.reg.edit()

        def child():
            nonlocal pin, snapshot, map_, view, edit
            self.assertEqual((pin.held, snapshot.held), (False, False))
            with self.assertRaises(segreg.NotPinnedError):
                pin.path
            with self.assertRaises(segreg.NotPinnedError):
                list(snapshot)
            with self.assertRaises(segreg.NotPinnedError):
                snapshot.trade()
            with self.assertRaisesRegex(segreg.InvalidError, "parent"):
                edit.retire(1)
            with self.assertRaisesRegex(segreg.InvalidError, "parent"):
                edit.commit()
            self.assertEqual(bytes(view), b"segment 1")  # memory is inherited
            pin.release()
            snapshot.release()
            edit.abort()
            map_.close()
            del pin, snapshot, map_, view, edit

        self.in_child(child)
        self.assertEqual((pin.held, snapshot.held, self.reg.refcount(1)), (True, True, 2))
        self.assertEqual([entry.id for entry in snapshot], [1])
        pin.release()
        snapshot.release()
        map_.close()
        edit.retire(1)
        edit.commit()
        self.assertEqual(self.reg.sweep().deleted, 1)

    def test_silent_child(self):
        """a child that only ends, collecting what it inherited, attaches no handle"""
        self.add(1)
        self.held = [self.reg.pin(1), self.reg.snapshot(), self.reg.map(1, "data")]
        starts = self.lanes()

        def child():
            self.held.clear()
            gc.collect()
            with segreg.open(self.directory) as other:
                self.assertEqual(len(other.lanes()), starts + 1)

        self.in_child(child)
        for hold in self.held[:2]:
            hold.release()
        self.held[2].close()

    def test_fork_beside_threads(self):
        """a child that is forked while other threads are in calls and callbacks can use and close its handle"""
        self.add(1)
        inside, go_on = threading.Event(), threading.Event()

        def each(info):
            inside.set()
            self.assertTrue(go_on.wait(PATIENCE))

        walker = Thread(self.reg.segments, each)
        waiter = Thread(self.reg.wait, self.reg.version)
        self.assertTrue(inside.wait(PATIENCE))

        def child():
            with self.reg.pin(1):
                pass
            self.reg.close()

        self.in_child(child)
        go_on.set()
        walker.join()
        self.add(2)
        self.assertEqual(waiter.join(), self.reg.version)

    def test_fork_inside_callback(self):
        """a child that is forked in a callback is still in its call, and the parent goes on"""
        self.add(1)

        def child():
            with self.assertRaises(segreg.BusyError):
                self.reg.close()
            self.assertTrue(self.reg.is_live(1))

        self.reg.segments(lambda info: self.in_child(child))
        self.assertEqual(self.reg._handle._running, {})
