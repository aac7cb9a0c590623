#!/usr/bin/env bash
# segctl pin, hold and wait: commands that run while something stays.
. "$(dirname "$0")/lib.sh"

new_registry
for i in 1 2 3 4; do
	segment "$i"
done

expect 0 "$segctl" pin 1 2 -- sh -c 'echo "$SEGREG_PATH $SEGREG_VERSION"'
says "$base/1 4"
cd "$dir" || exit 1
for verb in "pin 1 --" hold; do
	# shellcheck disable=SC2086
	expect 0 env -u SEGREG_REGISTRY "$segctl" -r registry $verb \
		sh -c "cd / && '$segctl' stats -nRo LIVE && echo \$SEGREG_REGISTRY"
	[ "$(cat "$dir/out")" = "4"$'\n'"$dir/registry" ] || fail "the command of '$verb' has another registry"
done
cd "$root" || exit 1
"$segctl" pin 1 -- sh -c 'exit 3'
[ $? -eq 3 ] || fail "not the command's exit status"
"$segctl" pin 1 -- sh -c 'kill -TERM $$'
[ $? -eq 143 ] || fail "not 128 and the signal that ended the command"
expect 127 "$segctl" pin 1 -- /no/such/command
expect 126 "$segctl" pin 1 -- "$base"
expect 66 "$segctl" pin 99 -- true
expect 64 "$segctl" pin 1
expect 64 "$segctl" pin 1 --
expect 64 "$segctl" pin -- true
expect 66 "$segctl" pin one -- true
expect 64 "$segctl" hold
expect 64 "$segctl" hold --
ok "pin and hold have the command's exit status, or their own"

expect 0 "$segctl" pin 1 -- sh -ec "
	'$segctl' retire 1
	'$segctl' sweep
	'$segctl' pin 1 -- true
	'$segctl' why 1
	cat '$base/1/data' >/dev/null"
says "held 1 1: 1 pin"
expect 0 "$segctl" sweep
is_gone 1 || fail "segment 1 is still there"
expect 0 "$segctl" pin 2 -- sh -c "'$segctl' retire 2; ! '$segctl' pin --live 2 -- true"
ok "what is pinned stays while the command runs, and goes after it"

expect 0 "$segctl" hold sh -ec "
	'$segctl' retire 3
	mkdir '$base/5'
	'$segctl' register 5 5
	'$segctl' retire 5
	'$segctl' sweep
	'$segctl' why"
says "held by 1 horizon of"
says "2 held"
expect 0 "$segctl" sweep
is_gone 3 && is_gone 5 || fail "3 or 5 is still there"
mkdir "$base/6"
expect 0 "$segctl" hold --snapshot -- sh -ec "
	'$segctl' retire 4
	'$segctl' register 6 6
	'$segctl' retire 6
	'$segctl' sweep"
says "deleted 6 6"
says "1 held"
ok "a horizon keeps what comes later, a snapshot does not"

expect 75 "$segctl" wait --timeout 0.05
expect 64 "$segctl" wait --timeout soon
expect 64 "$segctl" wait later
expect 0 "$segctl" wait 0
version=$(cat "$dir/out")
"$segctl" wait "$version" >"$dir/waited" &
waiter=$!
children+=("$waiter")
segment 7
wait "$waiter" || fail "wait ended with $?"
[ "$(cat "$dir/waited")" -eq $((version + 1)) ] || fail "it waited for $(cat "$dir/waited")"
ok "wait returns with the next version"

mkfifo "$dir/fifo"
"$segctl" pin 7 -- sh -c "echo \$\$ >'$dir/pid'; exec cat '$dir/fifo'" &
pinner=$!
children+=("$pinner")
eventually test -s "$dir/pid"
command=$(cat "$dir/pid")
expect 0 "$segctl" retire 7
end "$pinner" KILL
eventually has_ended "$command"
expect 0 "$segctl" sweep
is_gone 7 || fail "segment 7 is still there"
ok "kill -9 of segctl gives the pin back and ends the command"
