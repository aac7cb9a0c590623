#!/usr/bin/env bash
# A reader that never reads: a pipe that is full. All other processes go on, and no line of the log is torn.
. "$(dirname "$0")/lib.sh"

new_registry
mkfifo "$dir/pipe"
exec 9<>"$dir/pipe"
fill() {
	dd if=/dev/zero of="$dir/pipe" oflag=nonblock bs=4096 status=none 2>/dev/null
	dd if=/dev/zero of="$dir/pipe" oflag=nonblock bs=1 status=none 2>/dev/null
}
drain() {
	timeout 1 dd if="$dir/pipe" iflag=nonblock bs=65536 status=none 2>/dev/null | tr -d '\0' >>"$dir/log"
}

segment 1
segment 2
segment 3
: >"$dir/log"
fill
"$segregd" 2>"$dir/pipe" &
daemon=$!
children+=("$daemon")
expect 0 "$segctl" retire 1
eventually is_gone 1
expect 0 "$segctl" retire 2
eventually is_gone 2
drain
expect 0 "$segctl" retire 3
eventually is_gone 3
drained() {
	drain
	grep -q "deleted 3" "$dir/log"
}
eventually drained
grep -qE "segregd: [1-9][0-9]* lines were lost: the log was not read in time" "$dir/log" ||
	fail "it does not count the lines that were lost"
fill
stop
ok "a full pipe stops neither segregd's deletions nor SIGTERM, and lost lines are counted"

drain
for i in $(seq 10 29); do
	segment "$i"
done
expect 0 "$segctl" retire $(seq 10 19)
fill
"$segctl" sweep >"$dir/pipe" &
sweeper=$!
children+=("$sweeper")
for i in $(seq 10 19); do
	eventually is_gone "$i"
done
expect 0 "$segctl" retire 20
eventually "$segctl" sweep
eventually is_gone 20
: >"$dir/log"
whole() {
	drain
	grep -q "^10 segments deleted" "$dir/log"
}
eventually whole
eventually has_ended "$sweeper"
[ "$(grep -c '^deleted 1[0-9] ' "$dir/log")" -eq 10 ] || fail "lines of segctl sweep are lost"
ok "a full pipe behind segctl sweep keeps nobody from sweeping, and its lines come when they are read"

expect 0 "$segctl" retire 21 22 23
expect 0 "$segctl" sweep
[ "$(grep -c '^deleted 2[123] ' "$dir/out")" -eq 3 ] || fail "each deletion is told once"
"$segctl" retire 24
"$segctl" sweep >/dev/full 2>"$dir/err" && fail "it succeeds although it could not write"
ok "what segctl sweep says is whole, and an error of stdout is one"
