#!/usr/bin/env bash
# remove: the registry forgets, the files stay; and the dry runs of remove and retire, which change nothing.
. "$(dirname "$0")/lib.sh"

new_registry
for i in {1..5}; do
	segment "$i"
done
expect 64 "$segctl" remove
expect 66 "$segctl" remove x
expect 66 "$segctl" remove 9
expect 66 "$segctl" remove -n 9
expect 0 "$segctl" remove --dry-run 1 2
[ "$(cat "$dir/out")" = $'would forget 1 1\nwould forget 2 2' ] || fail "what would be forgotten is not said"
[ "$(column 1 STATE)" = live ] || fail "a dry run forgot"
expect 0 "$segctl" remove 1 2
expect 66 "$segctl" show 1
is_there 1
is_there 2
expect 0 "$segctl" register 1 1
segment 6
segment 7
expect 66 "$segctl" remove 6 77 7 78
complains "segment 77 is not registered"
complains "segment 78 is not registered"
[ "$("$segctl" ls -nRo ID | paste -sd' ')" = "1 3 4 5" ] ||
	fail "one that is not there keeps others from being forgotten"
ok "a segment is forgotten, and its files stay"

hold reader 3
expect 75 "$segctl" remove 3
complains "see --force"
expect 75 "$segctl" remove --dry-run 3
complains "is held"
expect 66 "$segctl" remove 77 3
expect 75 "$segctl" remove 3 77
expect 0 "$segctl" remove --dry-run --force 3
[ "$(column 3 STATE)" = live ] || fail "a refused removal changed something"
expect 0 "$segctl" remove --force 3
expect 66 "$segctl" show 3
kill -USR1 "$holder"
eventually grep -q unpinned "$dir/holder.out"
is_there 3
ok "a held one needs --force, and its holder goes on"

"$segctl" hold -s -- sleep 1000 &
children+=("$!")
eventually sh -c "'$segctl' holders -nRo SNAPSHOTS 5 | grep -q 1"
expect 75 "$segctl" remove 5
expect 75 "$segctl" remove -n 5
ok "a snapshot holds it, too, and the dry run says so"

expect 0 "$segctl" retire --dry-run 4 5
[ "$(cat "$dir/out")" = $'would retire 4 4, pinned 0 times\nwould retire 5 5, pinned 0 times' ] ||
	fail "what would be retired is not said"
[ "$(column 4 STATE)" = live ] || fail "a dry run retired"
expect 66 "$segctl" retire --dry-run 4 9
expect 66 "$segctl" retire --dry-run x
expect 0 "$segctl" retire 4
expect 0 "$segctl" retire --dry-run 4
is_silent
ok "retire --dry-run"

segment 16
mkdir "$base/16/sub"
expect 0 "$segctl" retire 16
if mount -t tmpfs tmpfs "$base/16/sub" 2>"$dir/err"; then
	expect 75 "$segctl" sweep
	rest=$(echo "$base"/.segreg-trash/16.*)
	expect 0 "$segctl" why 16
	says "the rest is $rest;"
	says "before that: umount $rest/sub"
	expect 75 "$segctl" remove 16
	expect 75 "$segctl" remove --dry-run 16
	expect 0 "$segctl" remove --dry-run --force 16
	says "would forget 16 16"
	says "what its deletion has left of 16 16 is $rest"
	expect 0 "$segctl" remove --force 16
	says "what its deletion has left of 16 16 is $rest"
	expect 66 "$segctl" show 16
	expect 65 "$segctl" check --strangers
	says .segreg-trash/16.
	umount "$base"/.segreg-trash/16.*/sub
	ok "what cannot be deleted is forgotten, though nobody remembers the failure"
else
	skipped "what cannot be deleted: needs root, to mount something on it"
fi
