#!/usr/bin/env bash
# evict: what a process holds is taken away, the process lives on.
. "$(dirname "$0")/lib.sh"

new_registry
segment 1 100
segment 2
expect 64 "$segctl" evict
expect 64 "$segctl" evict x
expect 64 "$segctl" evict 1 2
expect 66 "$segctl" evict 999999999
complains "does not have the registry open"
expect 66 "$segctl" evict --lane 1000
hold stuck 1 1 2
kill -STOP "$holder"
expect 0 "$segctl" retire 1 2
expect 0 "$segctl" sweep
says "2 held"
expect 0 "$segctl" evict --dry-run "$holder"
says "would evict the handle 0 of pid $holder (stuck): 3 pins and snapshots"
expect 0 "$segctl" sweep
says "2 held"
expect 0 "$segctl" evict "$holder"
says "evicted the handle 0 of pid $holder (stuck): 3 pins and snapshots"
expect 0 "$segctl" sweep
says "2 segments deleted"
[ "$("$segctl" holders -nRo PID,EVICTED | grep "^$holder ")" = "$holder yes" ] || fail "holders does not say so"
expect 0 "$segctl" evict --lane 0
says "0 pins and snapshots"
kill -CONT "$holder"
kill -USR1 "$holder"
eventually has_ended "$holder"
wait "$holder" && fail "the holder was not told"
ok "a stopped process is evicted, and told when it goes on"
