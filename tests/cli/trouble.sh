#!/usr/bin/env bash
# segregd when something is wrong: it stays, says so once, and goes on when all is well again.
. "$(dirname "$0")/lib.sh"

new_registry
for i in {1..9}; do
	segment "$i"
done
serve --interval 600

mv "$base/1" "$base/aside"
mkdir "$base/1"
expect 0 "$segctl" retire 1
eventually logged "segregd: failed 1 1: "
eventually logged "; next try in 1 s"
eventually logged "; next try in 2 s"
[ -d "$base/1" ] || fail "what took the place of segment 1 is gone"
rmdir "$base/1" && mv "$base/aside" "$base/1"
eventually logged "segregd: deleted 1 1: "
[ "$(grep -c "failed 1" "$dir/log")" -eq 2 ] || fail "more tries than announced"
expect 0 "$segctl" retire 2
eventually logged "deleted 2 2: "
ok "a deletion that fails is tried again"

name=$'new\nline\e[2J'
mkdir "$base/$name"
expect 0 "$segctl" register 10 "$name"
expect 0 "$segctl" retire 10
eventually logged 'deleted 10 new\x0aline\x1b[2J: '
ok "control characters do not reach the log"

hold reader 3
expect 0 "$segctl" retire 3
eventually logged "held 3 3: "
mv "$base/.segreg" "$dir/marker"
end "$holder" KILL
eventually logged "$base has no marker .segreg"
is_there 3
mv "$dir/marker" "$base/.segreg"
eventually logged "serving $SEGREG_REGISTRY again"
eventually logged "deleted 3 3: "
is_there 4
[ "$(grep -cF marker "$dir/log")" -eq 1 ] || fail "one trouble, many words"
ok "a base that is not the registry's for a while"

"$segctl" register 11 4 2>/dev/null && fail "two segments at one path"
for i in {12..15}; do
	segment "$i" 60
done
stop
segment 16
hold keeper 16 # and with it the shared memory: the first sweep after a start would delete 4 as well
expect 0 "$segctl" sweep
expect 0 "$segctl" retire {12..15}
"$segctl" sweep --pace 150K >"$dir/paced" &
sweeper=$!
children+=("$sweeper")
eventually test ! -e "$base/12" -o ! -e "$base/15"
serve --interval 600
expect 75 "$segctl" sweep
expect 0 "$segctl" retire 4
eventually has_ended "$sweeper"
wait "$sweeper" || fail "the other sweep ended with $?"
eventually logged "deleted 4 4: "
[ "$(grep -c "" "$dir/log")" -eq 2 ] || fail "it complains of another sweep"
stop
end "$holder" TERM
ok "another sweep that is running"

# A user namespace has its own limit of inotify instances.
blind='echo 0 >/proc/sys/user/max_inotify_instances && exec "$@"'
if unshare --user --map-root-user sh -c "$blind" sh true 2>/dev/null; then
	: >"$dir/log"
	unshare --user --map-root-user sh -c "$blind" sh "$segregd" --interval 0.2 2>"$dir/log" &
	daemon=$!
	children+=("$daemon")
	eventually logged serving
	logged "cannot watch $SEGREG_REGISTRY/registry.lock by inotify" || fail "not a word about it"
	hold reader 5
	expect 0 "$segctl" retire 5
	eventually logged "held 5"
	end "$holder" KILL
	eventually logged "deleted 5 5: "
	stop
	ok "no inotify watch to be had"
else
	skipped "no inotify watch to be had: unshare --user is not permitted here"
fi

# A death in another PID namespace is a death like any other.
if unshare --pid --fork true 2>/dev/null; then
	serve --interval 600
	hold watched 6
	: >"$dir/holder.out"
	unshare --pid --fork --kill-child "$dir/holder" "$SEGREG_REGISTRY" elsewhere 6 7 7 >"$dir/holder.out" &
	outer=$!
	children+=("$outer")
	eventually grep -q ready "$dir/holder.out"
	expect 0 "$segctl" retire 6 7
	eventually logged "held 7"
	end "$holder" KILL
	eventually logged "(watched): 1 pin"
	is_there 6
	is_there 7
	end "$outer" KILL
	eventually logged "(elsewhere): 3 pins"
	eventually logged "deleted 6 6: "
	eventually logged "deleted 7 7: "
	stop
	ok "a holder in another PID namespace"
else
	skipped "a holder in another PID namespace: unshare --pid is not permitted here"
fi

# A client that pins and unpins without end what another client holds rings segregd's bell all the time.
cpu_ticks() {
	awk '{ print $14 + $15 }' "/proc/$daemon/stat"
}
serve --interval 600
hold idle 8
idle=$holder
hold restless 8
expect 0 "$segctl" retire 8
eventually logged "held 8 8: 2 pins"
kill -USR2 "$holder"
before=$(cpu_ticks)
sleep 1
spent=$(($(cpu_ticks) - before))
[ "$spent" -lt $(($(getconf CLK_TCK) / 2)) ] || fail "segregd spent $spent ticks of one second"
end "$holder" KILL
end "$idle" KILL
eventually logged "deleted 8 8: "
stop
ok "a holder that does not rest"

mv "$SEGREG_REGISTRY/registry.lock" "$dir/lost"
for verb in ls "init --base $base" "init --base $base"; do
	# shellcheck disable=SC2086
	expect 78 "$segctl" $verb
	complains "segctl init --adopt"
done
[ ! -e "$SEGREG_REGISTRY/registry.lock" ] || fail "an empty one was made"
expect 0 "$segctl" init --adopt
expect 0 "$segctl" stats
ok "a registry whose registry.lock was lost is adopted, though a segregd has served it"

case ${SAN_FLAGS-} in
"")
	(ulimit -v 300000 && "$segctl" stats 2>"$dir/err") && fail "stats within 300 MB of address space"
	complains "the limit of this process's address space is 292 MiB"
	complains "RLIMIT_AS"
	ok "a limit of the address space is named" ;;
*) skipped "the limit of the address space: a sanitizer needs more" ;;
esac
