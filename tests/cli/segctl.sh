#!/usr/bin/env bash
# The reasons that why gives when holders come and go, how they fit a terminal, and when a deletion is tried again.
. "$(dirname "$0")/lib.sh"

unpins() {
	kill -USR1 "$1" && eventually grep -q unpinned "$dir/holder.out"
}

new_registry
for i in 1 2 3 4; do
	segment "$i"
done

for registry in "" /nonexistent; do
	SEGREG_REGISTRY=$registry expect 0 "$segctl" -r "$dir/registry" ls
done
for verb in ls why stats sweep init; do
	SEGREG_REGISTRY= expect 64 "$segctl" "$verb"
	complains "which registry?"
	expect 64 "$segctl" -r "" "$verb"
	complains "which registry?"
done
expect 64 "$segctl" init ""
complains "which registry?"
ok "an empty name is no registry"

hold reader 1
expect 0 "$segctl" retire 1
expect 0 "$segctl" why 1
says "held by 1 pin"
expect 0 "$segctl" sweep
unpins "$holder"
expect 0 "$segctl" why 1
says "Held since:"
says "not held, but no segregd runs"
expect 0 "$segctl" why
says "1: not held, but no segregd runs"
ok "a pin that went after a sweep holds no longer"

expect 0 "$segctl" hold --snapshot -- sh -ec "
	'$segctl' retire 2
	'$segctl' why 2
	'$segctl' why
	'$segctl' why --json >'$dir/json'"
says "held by 1 snapshot"
says "2: held by 1 snapshot"
says "held by 1 snapshot of"
python3 - "$dir/json" <<'PYTHON' || fail "the JSON does not name the snapshot"
import json, sys
why = json.load(open(sys.argv[1]))
two = [s for s in why["segments"] if s["id"] == 2][0]
assert (two["pins"], two["snapshots"], two["why"], two["path"]) == (0, 1, "held by 1 snapshot", "2"), two
lanes = [group["lanes"] for group in why["groups"] if group["group"] == two["group"]]
handles = [handle for holder in why["holders"] for handle in holder["handles"]]
assert [(h["pins"], h["snapshots"]) for h in handles if [h["lane"]] in lanes] == [(0, 1)], why
PYTHON
expect 0 "$segctl" hold -- "$segctl" pin 3 -- sh -c "'$segctl' retire 3 && '$segctl' why 3"
says "held by 1 pin, 1 horizon"
expect 0 "$segctl" hold -- "$segctl" pin 4 -- "$segctl" why 4
says "live, so nothing deletes it; 1 pin, 1 horizon"
expect 0 "$segctl" why 4
says "live, so nothing deletes it; nobody holds it"
ok "a snapshot holds before any sweep has looked"

expect 0 "$segctl" why --raw
[ "$(head -n 1 "$dir/out")" = "ID KEPT RETIRED PATH WHY" ] || fail "why --raw has no column for the path"
expect 0 "$segctl" why -n -o ID,WHY
grep -q '^ *2 not held' "$dir/out" || fail "why -o ID,WHY says more than the reason"
long=a/directory/with/a/long/name/deep/below/the/base/segment-0000000000000042
mkdir -p "$base/$long"
expect 0 "$segctl" register 42 "$long"
hold searcher-1 42 2
expect 0 "$segctl" retire 42
expect 0 "$segctl" why
says " $long: held by 1 pin"
awk '/pid/ && index($0, "pid") > 40 { exit 1 }' "$dir/out" || fail "a long path pushes the holders to the right"
ok "holders fit a terminal"

expect 0 "$segctl" show 4
grep -q '^Retry at:' "$dir/out" && fail "a live segment is tried again"
mv "$base/4" "$base/aside"
mkdir "$base/4"
expect 0 "$segctl" retire 4
expect 75 "$segctl" sweep
expect 0 "$segctl" show 4
says "Error:         its path is no longer what was registered"
grep -Eq '^Retry at: .*\((in [12]s|[0-9]+s ago)\)$' "$dir/out" ||
	fail "show does not say when the deletion is tried again"
expect 0 "$segctl" show 4 --json
python3 - "$dir/out" <<'PYTHON' || fail "the JSON does not say when the deletion is tried again"
import datetime, json, sys
four = json.load(open(sys.argv[1]))["segments"][0]
assert (four["attempts"], four["state"]) == (1, "deleting"), four
retry, retired = (datetime.datetime.fromisoformat(four[k]) for k in ("retry_at", "retired_at"))
assert retired <= retry <= retired + datetime.timedelta(seconds=60), four
PYTHON
expect 0 "$segctl" why 4
says "Retry at:"
ok "when a deletion is tried again"

segment 6
expect 0 "$segctl" retire 6
"$segctl" sweep >/dev/full 2>"$dir/err"
[ $? -eq 74 ] || fail "a sweep that could not say what it did is not EX_IOERR"
complains "cannot write"
"$segctl" pin 2 -- /no/such/command 2>/dev/full
[ $? -eq 127 ] || fail "a full disk behind stderr changes the exit status of a command"
ok "an exit status does not depend on what could be written"
