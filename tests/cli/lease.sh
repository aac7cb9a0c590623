#!/usr/bin/env bash
# lease - segments that a name holds: through the end of all processes, and until it is dropped.
. "$(dirname "$0")/lib.sh"

new_registry
for i in 1 2 3; do
	segment "$i"
	expect 0 "$segctl" register "$i" "$i"
done
expect 0 "$segctl" lease put nightly
is_silent
expect 0 "$segctl" lease put --listed two 2 ./3
[ "$("$segctl" lease ls -nRo NAME,FLOOR,LISTED,SEGMENTS | paste -sd/)" = "nightly 3 0 0/two  2 0" ] ||
	fail "other leases: $("$segctl" lease ls)"
expect 0 "$segctl" retire 1 2
expect 0 "$segctl" sweep
says "the lease nightly"
[ -d "$base/1" ] && [ -d "$base/2" ] || fail "deleted under a lease"
[ "$("$segctl" lease ls -nRo SEGMENTS nightly)" = 2 ] || fail "not 2: $("$segctl" lease ls)"
expect 0 "$segctl" lease ls -J two
says '"segments": 1,'
expect 0 "$segctl" why
says "2 leases hold 2 of them"
says "segctl lease drop nightly"
says "1 1: held by lease nightly"
expect 0 "$segctl" why 2
says "held by 2 leases (nightly, two)"
expect 0 "$segctl" why -J
says '"leases": 2,'
says '"lease": "nightly",'
expect 0 "$segctl" holders -nRo PID,LABEL
! grep -q nightly "$dir/out" || fail "a lease among the handles"
ok "a lease outlives each process"

expect 0 "$segctl" lease put --floor 4 nightly
expect 0 "$segctl" lease drop nightly
expect 0 "$segctl" sweep
[ ! -e "$base/1" ] && [ -d "$base/2" ] || fail "1 is there, or 2 is gone"
expect 75 "$segctl" remove -n 2
expect 75 "$segctl" remove 2
complains "lease ls"
expect 0 "$segctl" lease drop two
expect 0 "$segctl" sweep
[ ! -e "$base/2" ] && [ -d "$base/3" ] || fail "2 is there, or 3 is gone"
expect 0 "$segctl" log -nRo EVENT,PATH -e leased
says "leased nightly"
says "leased two"
expect 0 "$segctl" log -nRo EVENT,PATH -e lease-dropped
says "lease-dropped nightly"
expect 0 "$segctl" lease put --listed many 1-9
[ "$("$segctl" lease ls -nRo LISTED many)" = 1 ] || fail "a range lists more or less than what is live"
expect 0 "$segctl" lease drop many
ok "until it is dropped"

expect 64 "$segctl" register --below . -u x
expect 64 "$segctl" lease
expect 64 "$segctl" lease keep x
complains "put, drop or ls"
expect 64 "$segctl" lease put
expect 64 "$segctl" lease put --listed x
complains "needs segments"
expect 64 "$segctl" lease put --listed --floor 1 x 3
expect 64 "$segctl" lease put --floor now x
complains "segctl stats"
expect 64 "$segctl" lease put "a b"
complains "letters, digits"
expect 64 "$segctl" lease put --floor 99 x
complains "beyond the current version"
expect 66 "$segctl" lease put --listed x 77
expect 66 "$segctl" lease drop x
complains "segctl lease ls"
expect 66 "$segctl" lease ls x
complains "there is no lease x"
ok "a wrong command line"
