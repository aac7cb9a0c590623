"""Retention leases."""

import segreg
from support import World


class Leases(World):
    def test_leases(self):
        """a lease holds what it says until it is dropped"""
        for id in (1, 2):
            self.add(id)
        self.reg.put_lease("floor")
        self.reg.put_lease("list", segreg.LEASE_LISTED, [segreg.LeaseItem(2, 0), segreg.LeaseItem(2, 0)])
        floor, listed = self.reg.leases()
        self.assertEqual((floor.name, floor.floor, floor.items), ("floor", self.reg.version, ()))
        self.assertEqual((listed.floor, listed.items), (segreg.LEASE_LISTED, ((2, self.reg.segment(2).born),)))
        self.assertTrue(floor.holds(self.reg.segment(1)) and listed.holds(self.reg.segment(2)))
        self.assertFalse(listed.holds(self.reg.segment(1)))
        for id in (1, 2):
            self.reg.retire(id)
        leases = []
        self.assertEqual(self.reg.sweep(lambda event: leases.append(event.lease) and None).held, 2)
        self.assertEqual(leases, ["floor", "floor"])
        self.reg.drop_lease("floor")
        self.assertEqual(self.reg.sweep().deleted, 1)
        self.assertTrue(listed.holds(self.reg.segment(2)))
        self.reg.drop_lease("list")
        self.assertEqual(self.reg.sweep().deleted, 1)
        with self.assertRaises(segreg.NotFoundError):
            self.reg.drop_lease("list")
        with self.assertRaisesRegex(segreg.InvalidError, "letters, digits"):
            self.reg.put_lease("no name")
        with self.assertRaises(segreg.InvalidError):
            self.reg.put_lease("x", -1)
