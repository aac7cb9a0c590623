"""Threads: calls at once, and a close beside them."""

import threading

import segreg
from support import PATIENCE, Thread, World, eventually


class Threads(World):
    def test_pins(self):
        """threads pin, read and release through one registry at once, and no pin is left"""
        for id in range(8):
            self.add(id)

        def work(seed):
            for n in range(200):
                id = (seed * 7 + n) % 8
                with self.reg.pin(id) as pin, self.reg.map(id, "data") as map_:
                    if bytes(map_.data) != b"segment %d" % id or not pin.path.endswith(f"seg-{id}"):
                        raise AssertionError(f"segment {id} is another")
                with self.reg.snapshot() as snapshot:
                    if sum(1 for _ in snapshot) != 8:
                        raise AssertionError("a snapshot has not 8 segments")

        for thread in [Thread(work, seed) for seed in range(4)]:
            thread.join()
        self.assertEqual([self.reg.refcount(id) for id in range(8)], [0] * 8)

    def test_one_release(self):
        """of many threads that release one pin, one does, and no other pin is taken away"""
        self.add(1)
        with self.reg.pin(1):
            for _ in range(50):
                pin = self.reg.pin(1)
                start = threading.Barrier(4)

                def release():
                    start.wait(PATIENCE)
                    pin.release()

                for thread in [Thread(release) for _ in range(4)]:
                    thread.join()
                self.assertEqual(self.reg.refcount(1), 1)

    def test_interpreter_runs(self):
        """while a thread sleeps in the library, other threads run"""
        waiter = Thread(self.reg.wait, self.reg.version)
        eventually(lambda: waiter.ident in self.reg._handle._running)
        self.add(1)
        self.assertEqual(waiter.join(), 1)

    def test_close_ends_waits(self):
        """a close ends the waits of other threads with ClosedError"""
        with segreg.open(self.directory) as other:
            waiters = [Thread(other.wait, other.version), Thread(other.sweep_wait, other.sweep_wait())]
            for waiter in waiters:
                eventually(lambda: waiter.ident in other._handle._running)
            other.close()
            for waiter in waiters:
                with self.assertRaises(segreg.ClosedError):
                    waiter.join()

    def test_close_waits(self):
        """a close bars new calls, and closes when the last call of another thread has returned"""
        self.add(1)
        other = segreg.open(self.directory)
        inside, go_on = threading.Event(), threading.Event()

        def each(info):
            inside.set()
            self.assertTrue(go_on.wait(PATIENCE))
            other.version  # raises ClosedError, which ends the walk

        walker = Thread(other.segments, each)
        self.assertTrue(inside.wait(PATIENCE))
        closers = [Thread(other.close) for _ in range(2)]
        eventually(lambda: other.closed)
        with self.assertRaises(segreg.ClosedError):
            other.pin(1)
        self.assertEqual(self.lanes(), 2)  # still attached: the walk may go on
        self.assertTrue(all(closer.is_alive() for closer in closers))
        go_on.set()
        with self.assertRaises(segreg.ClosedError):
            walker.join()
        self.assertEqual([closer.join() for closer in closers], [0, 0])
        self.assertEqual(self.lanes(), 1)

    def test_edit(self):
        """an edit that another thread is using refuses with BusyError"""
        self.add(1)
        edit = self.reg.edit()
        inside, go_on = threading.Event(), threading.Event()

        def hold():
            with edit._alone():
                inside.set()
                go_on.wait(PATIENCE)

        holder = Thread(hold)
        self.assertTrue(inside.wait(PATIENCE))
        for call in (lambda: edit.retire(1), edit.commit, edit.abort):
            with self.assertRaisesRegex(segreg.BusyError, "another thread"):
                call()
        go_on.set()
        holder.join()
        edit.retire(1)
        edit.commit()
