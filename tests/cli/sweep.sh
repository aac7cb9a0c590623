#!/usr/bin/env bash
# segctl sweep and segregd --once.
. "$(dirname "$0")/lib.sh"

new_registry
for i in 1 2 3 4 5; do
	segment "$i" 100
done
hold reader 2
expect 0 "$segctl" retire 1 2 3 4

expect 0 "$segctl" sweep --dry-run
says "would delete 1 1:"
says "3 segments would be deleted"
is_there 1
[ "$(column 1 STATE)" = pending ] || fail "a dry run changed a state"
ok "a dry run"

expect 0 "$segctl" sweep --grace 3600
says "0 segments deleted, 0 B freed; 0 held, 4 waiting, 0 failed"
expect 0 "$segctl" sweep --limit 1 --pace 100M
says "1 segment deleted"
is_there 2
expect 0 "$segctl" sweep
says "2 segments deleted"
says "1 held"
for i in 1 3 4; do
	is_gone "$i" 2>/dev/null >&2 || fail "segment $i is there"
done
is_there 2
ok "grace, limit, and all"

reader=$holder
hold bystander 5
end "$reader" KILL
expect 0 "$segctl" sweep
says "reclaimed a handle of pid $reader (reader): 1 pin"
says "deleted 2 2:"
says "1 dead handle reclaimed with 1 pin"
is_gone 2 >/dev/null 2>&1 || fail "segment 2 is there"
is_there 5
end "$holder" KILL
ok "pins of the dead"

mv "$base/5" "$base/aside"
mkdir "$base/5"
expect 0 "$segctl" retire 5
expect 75 "$segctl" sweep
says "failed 5 5:"
says "1 failed"
ok "a failed deletion is EX_TEMPFAIL"

expect 0 "$segctl" why
says "deletion failed: its path is no longer what was registered; next try"
[ "$(column 5 ATTEMPTS)" = 1 ] || fail "the sweep's failure was forgotten"
expect 0 "$segctl" stats
grep -q '^Failed: *1$' "$dir/out" || fail "stats does not count the failure"
expect 75 "$segctl" sweep --retry-now
says "failed 5 5:"
expect 0 "$segctl" why
says "deletion failed 2 times:"
ok "what failed is known without a resident process"

for _ in {1..8}; do # until its back-off is 5 minutes
	expect 75 "$segctl" sweep --retry-now
done
expect 75 "$segctl" sweep
says "0 segments deleted, 0 B freed; 0 held, 1 waiting, 0 failed"
grep -qE '^segctl: sweep: 1 segment waits for another try until 20[0-9-]+ [0-9:]+: segctl sweep --retry-now$' \
	"$dir/err" ||
	fail "it does not tell which deletion waits"
expect 0 "$segctl" sweep --dry-run
complains "1 segment waits for another try"
expect 75 "$segregd" --once
complains "segregd: 1 segment waits for another try until "
ok "a failed deletion that waits for its back-off is EX_TEMPFAIL"

rmdir "$base/5" && mv "$base/aside" "$base/5"
expect 0 "$segctl" sweep -R
says "deleted 5 5:"
expect 0 "$segregd" --once
segment 6
expect 0 "$segctl" retire 6
expect 0 "$segregd" --once --grace 100
is_there 6
expect 0 "$segregd" -1 -r "$SEGREG_REGISTRY"
complains "segregd: deleted 6 6:"
is_gone 5 >/dev/null 2>&1 && is_gone 6 >/dev/null 2>&1 || fail "segregd --once left something"
segment 7
mv "$base/7" "$base/aside"
mkdir "$base/7"
expect 0 "$segctl" retire 7
expect 75 "$segregd" --once
complains "failed 7"
ok "segregd --once"

mv "$base" "$dir/away"
expect 66 "$segctl" sweep
mkdir "$base"
expect 78 "$segctl" sweep
rmdir "$base"
mv "$dir/away" "$base"
expect 0 "$segctl" ls
ok "a base that is not the registry's"
