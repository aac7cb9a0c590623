#!/usr/bin/env bash
# log: what became of segments and handles, in order, with what it takes to believe it.
. "$(dirname "$0")/lib.sh"

# events OPTION...: EVENT:ID:VERSION:PINS of each, with "-" for what it does not have.
events() {
	"$segctl" log -J "$@" >"$dir/json" || fail "log -J failed"
	python3 -c '
import json, sys
for e in json.load(open(sys.argv[1]))["events"]:
    print(*("-" if e[c] is None else e[c] for c in ("event", "id", "version", "pins")), sep=":")' "$dir/json" |
		paste -sd' '
}

same() {
	[ "$1" = "$2" ] || fail "'$1' is not '$2'"
}

new_registry
segment 1 100
segment 2
segment 3
same "$(events)" "registered:1:1:- registered:2:2:- registered:3:3:-"
hold stays 3
hold worker 2 2
expect 0 "$segctl" retire 1 2
expect 0 "$segctl" sweep
same "$(events 1)" "registered:1:1:- retired:1:4:- deleted:1:-:-"
same "$(events 2)" "registered:2:2:- retired:2:4:-"
end "$holder" KILL
expect 0 "$segctl" sweep
stays=${children[0]}
expect 0 "$segctl" evict "$stays"
expect 0 "$segctl" remove 3
same "$(events -l 3)" "deleted:2:-:- evicted:-:-:1 forgotten:3:-:-"
same "$(events -e reclaimed)" "reclaimed:-:-:2"
same "$(events -s 3600 3)" "registered:3:3:- forgotten:3:-:-"
ok "each event comes once, in order, with its version and pins"

expect 0 "$segctl" log -nR -o PID,LABEL,BY_LABEL -e reclaimed
says "$holder worker segctl"
expect 0 "$segctl" log -no REASON -e reclaimed
says "the kernel had let go of its byte of registry.lock"
expect 0 "$segctl" log -nR -o PID,LABEL,BY_LABEL -e evicted
says "$stays stays segctl"
expect 0 "$segctl" log -no REASON -e deleted 1
says "retired by version 4; none of 3 handles held it at version 4"
ok "evidence is told"

end "$stays" KILL
before=$(events) # the last one to leave removes the shared memory
! grep -q '^region /segreg' "$SEGREG_REGISTRY/registry.lock" || fail "the shared memory is still there"
same "$(events)" "$before"
ok "it outlives the shared memory"

expect 66 "$segctl" log 77
complains "nothing is known of segment 77"
expect 66 "$segctl" log x
expect 64 "$segctl" log 1 2
expect 64 "$segctl" log -e nonsense
complains "there is no event 'nonsense'"
expect 64 "$segctl" log -l 0
expect 64 "$segctl" log -s soon
ok "wrong arguments are refused"
