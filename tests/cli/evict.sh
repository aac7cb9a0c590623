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

# segctl's own number is refused, and one that processes of two PID namespaces have.
hold other 1=one
# shellcheck disable=SC2016
expect 64 sh -c 'exec "$0" evict $$' "$segctl"
complains "is segctl itself; see the column LANE"
ok "segctl does not evict itself"

apart() {
	unshare --pid --fork --kill-child --mount-proc "$@"
}
if ! apart true 2>"$dir/err"; then
	skipped "pids of other PID namespaces: unshare cannot make one ($(tail -n 1 "$dir/err"))"
	exit 0
fi
# shellcheck disable=SC2016
hold_apart='"$0" "$SEGREG_REGISTRY" "$1" "$2" >"$3" & until grep -q ready "$3"; do sleep 0.01; done;'
segment 5
apart sh -c "$hold_apart"' wait' "$dir/holder" first 5 "$dir/first.out" &
children+=("$!")
eventually grep -q ready "$dir/first.out"
read -r inside <"/proc/$!/task/$!/children"
children+=("$inside") # the first process of that namespace, whose death ends the others
lane=$("$segctl" holders -nRo LABEL,LANE | awk '$1 == "first" { print $2 }')
expect 66 "$segctl" evict 2
complains "process 2 is in another PID namespace; evict its handle: segctl evict --lane $lane"
expect 64 apart "$segctl" evict 1
complains "1 is segctl itself"
# shellcheck disable=SC2016
expect 64 apart sh -c "$hold_apart"' "$4" evict 2' "$dir/holder" second 5 "$dir/second.out" "$segctl"
complains "2 is the pid of several processes, in this PID namespace and in another"
[ "$("$segctl" holders -nRo LABEL,EVICTED | grep "^first ")" = "first no" ] || fail "the wrong process was evicted"
expect 0 "$segctl" evict --lane "$lane"
says "evicted the handle $lane of pid 2 (first): 1 pin or snapshot"
expect 0 "$segctl" why --by holder
ok "a pid of another PID namespace, or of two, is refused"
