#!/usr/bin/env bash
# discard, and the verbs that take a segment by its path.
. "$(dirname "$0")/lib.sh"

new_registry
mkdir -p "$base/db"
for i in 1 2 3 4; do
	echo x >"$base/db/00000$i.sst"
done
"$segctl" hold -- sleep 1000 &
children+=("$!")
eventually sh -c "'$segctl' holders -nRo HORIZONS | grep -q 1"
expect 0 "$segctl" discard db/000001.sst "$base/db/000002.sst"
is_silent
expect 0 "$segctl" discard db/000001.sst nothing db/nothing/either "$base/nothing"
complains "nothing is at nothing, and no segment has that path"
complains "nothing is at db/nothing/either"
complains "nothing is at $base/nothing"
! grep -q 000001 "$dir/err" || fail "a file that is there is reported as absent"
expect 65 "$segctl" discard .
complains 'path "." is the base directory'
expect 65 "$segctl" discard db/000003.sst ../x
complains "../x"
expect 64 "$segctl" discard
[ "$("$segctl" ls -nRo PATH,STATE | paste -sd' ')" = "db/000001.sst pending db/000002.sst pending" ] ||
	fail "not discarded, or more than that"
expect 0 "$segctl" sweep
[ -e "$base/db/000001.sst" ] || fail "deleted under a horizon"
expect 0 "$segctl" why db/000001.sst
says "held by 1 horizon"
kill "${children[-1]}"
wait "${children[-1]}" 2>/dev/null
expect 0 "$segctl" sweep
[ "$(ls "$base/db")" = $'000003.sst\n000004.sst' ] || fail "not deleted, or more than that"
ok "discard"

segment 7
expect 0 "$segctl" register 12 db/000003.sst
expect 0 "$segctl" show db/000003.sst
says "ID:            12"
expect 0 "$segctl" show "$base/./db//000003.sst"
expect 0 "$segctl" show 12
expect 0 "$segctl" show ./7
says "Path:          7"
expect 66 "$segctl" show ./12
complains "no segment has the path 12"
expect 0 "$segctl" holders db/000003.sst
expect 0 "$segctl" pin db/000003.sst -- sh -c 'echo "$SEGREG_PATH"'
says "$base/db/000003.sst"
expect 0 "$segctl" retire -n db/000003.sst
says "would retire 12 db/000003.sst"
expect 66 "$segctl" retire 7 db/000004.sst
expect 0 "$segctl" show 7
says "State:         live"
expect 0 "$segctl" retire 7 ./db/000003.sst
expect 0 "$segctl" why "$base/db/000003.sst"
expect 0 "$segctl" remove ./7
is_there 7
expect 66 "$segctl" show 7
ok "segments by their paths"

expect 0 "$segctl" sweep
expect 0 "$segctl" log -nRo EVENT,ID db/000003.sst
[ "$(paste -sd' ' "$dir/out")" = "registered 12 retired 12 deleted 12" ] || fail "log of a path"
expect 0 "$segctl" log -nRo EVENT "$base//db/./000003.sst/"
[ "$(paste -sd' ' "$dir/out")" = "registered retired deleted" ] || fail "log of an untidy path"
expect 66 "$segctl" log db/00000
complains "nothing is known"
ok "the log of a path that is gone"
