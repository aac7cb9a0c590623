#!/usr/bin/env bash
# segregd: what it accepts, what wakes it and what does not, how it ends. What went wrong for a while is in trouble.sh.
# While a wake-up is awaited, only files are looked at: each segctl would wake segregd itself.
. "$(dirname "$0")/lib.sh"

expect 0 "$segregd" --help
says "Usage: segregd"
awk 'length > 80 { exit 1 }' "$dir/out" || fail "--help has a line of more than 80 characters"
expect 0 "$segregd" --version
says "segregd $("$segctl" --version | awk '{ print $2 }')"
for command in "" "--nosuchoption" "-x" "-r" "--registry" "--once=1" "--once a b" "a a" "-c" "-c f a" \
	"-c f -g 1" "-c f -1" "-l x" "-m relative" "--once --grace" "--grace a" \
	"-g 1x" "-g -1" "-g 1.2345" "-g 1000000001" "--interval a" "-i 0" "-i 0.000" "--pace a" "-p 0" "-p 5X" "-p -1" \
	"-p 18446744073709551616" "-P 0" "-P x" "-f 101" "-f 0"; do
	# shellcheck disable=SC2086
	expect 64 "$segregd" $command
	complains "Try 'segregd --help'."
	is_silent
done
expect 64 "$segregd" -r ""
expect 66 "$segregd" -r "$dir/nowhere"
expect 66 "$segregd" --once "$dir/nowhere"
mkdir "$dir/empty"
expect 66 "$segregd" -r "$dir/empty"
[ -z "$(ls -A "$dir/empty")" ] || fail "segregd left something in a directory that is no registry"
if [ -w /dev/full ]; then
	"$segregd" --help >/dev/full 2>/dev/null
	[ $? -eq 74 ] || fail "--help does not mind that it cannot write"
fi
ok "the command line, and its exit statuses"

new_registry
for i in {1..9} 20; do
	segment "$i" 8
done
expect 0 "$segregd" --once
[ ! -s "$dir/err" ] || fail "a sweep with nothing to do is not silent"
hold reader 9
expect 0 "$segctl" retire 8 9
expect 0 "$segregd" --once --grace 3600
is_there 8
expect 0 "$segregd" --once --registry "$SEGREG_REGISTRY" --pace 1G
complains "segregd: deleted 8 8: "
complains "segregd: held 9 9: 1 pin"
[ ! -e "$base/8" ] || fail "segment 8 is there"
is_there 9
end "$holder" KILL
expect 0 "$segregd" -1 "$SEGREG_REGISTRY"
complains "segregd: deleted 9 9: "
ok "--once"

# From here on nothing is owed to the clock: the interval is far longer than any test waits.
serve --interval 600
expect 75 "$segregd" -r "$SEGREG_REGISTRY"
complains "another segregd (pid $daemon) serves $SEGREG_REGISTRY"
end "$daemon" KILL
serve --interval 600
ok "one per registry, and kill -9 makes room for the next"

kill -HUP "$daemon"
eventually logged "SIGHUP changes nothing: there is no configuration file"
kill -0 "$daemon" || fail "SIGHUP ended segregd"
ok "SIGHUP does not end a segregd without a file"

expect 0 "$segctl" retire 1
eventually logged "segregd: deleted 1 1: 12.0 KiB freed"
is_there 2
ok "a retirement wakes it"

hold reader 2 3 3
expect 0 "$segctl" retire 2
eventually logged "segregd: held 2 2: 1 pin, one by process $holder (reader)"
is_there 2
kill -USR1 "$holder"
eventually logged "deleted 2 2:"
is_there 3
kill -0 "$holder" || fail "the holder is gone"
end "$holder" KILL
eventually logged "segregd: reclaimed a handle of pid $holder (reader): 0 pins"
ok "the last unpin wakes it"

hold reader 3 4 4
expect 0 "$segctl" retire 3 4
eventually logged "held 4 4: 2 pins"
end "$holder" KILL
eventually logged "segregd: reclaimed a handle of pid $holder (reader): 3 pins"
eventually logged "deleted 3 3:"
eventually logged "deleted 4 4:"
is_there 5
ok "kill -9 of a holder wakes it"

hold reader 5
first=$holder
hold reader 5
expect 0 "$segctl" retire 5
eventually logged "held 5 5:"
end "$first" KILL
eventually logged "segregd: reclaimed a handle of pid $first (reader): 1 pin"
is_there 5
end "$holder" KILL
eventually logged "deleted 5 5:"
ok "of two holders, the last counts"

hold reader 20
expect 0 "$segctl" retire 20
eventually logged "held 20 20:"
kill -HUP "$holder"
eventually logged "segregd: reclaimed a handle of pid $holder (reader): 1 pin"
eventually logged "deleted 20 20:"
kill -0 "$holder" || fail "the holder is gone"
end "$holder" KILL
ok "a holder that becomes another program wakes it"

# How often its threads have given up the processor, or lost it.
switches() {
	cat /proc/"$daemon"/task/*/status | awk '/ctxt_switches/ { sum += $2 } END { print sum }'
}
sleeps_for() {
	local before
	before=$(switches)
	sleep "$1"
	[ "$(switches)" = "$before" ]
}
case ${SAN_FLAGS-} in
*thread*)
	skipped "idle, it sleeps: ThreadSanitizer has a thread of its own, which never does" ;;
*)
	hold reader 6
	eventually sleeps_for 3 # it looks a last time a second after a death
	expect 0 "$segctl" retire 6
	eventually logged "held 6 6:"
	eventually sleeps_for 2
	end "$holder" KILL
	eventually logged "deleted 6 6:"
	ok "idle, it sleeps" ;;
esac

stop
logged "segregd: stopped by SIGTERM; " || fail "no word at the end"
serve
end "$daemon" INT || fail "SIGINT: status $?"
logged "segregd: stopped by SIGINT; 0 deleted" || fail "no word at the end"
: >"$dir/log"
"$segregd" 2>"$dir/log" & # with SIGINT ignored, by the shell
daemon=$!
children+=("$daemon")
eventually logged serving
kill -INT "$daemon"
expect 0 "$segctl" retire 7
eventually logged "deleted 7 7:"
stop
ok "SIGTERM and SIGINT end it with 0; a background job's SIGINT does not"

if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
	segment 90
	(cd "$base/90" && seq 3000 | xargs touch)
	expect 0 "$segctl" retire 90
	: >"$dir/log"
	kill_amid=(-e trace=unlinkat -e inject=unlinkat:signal=TERM:when=5)
	# LeakSanitizer does not work under ptrace.
	ASAN_OPTIONS=detect_leaks=0 strace -f -o /dev/null "${kill_amid[@]}" "$segregd" 2>"$dir/log" ||
		fail "segregd under strace ended with $?"
	[ "$(find "$base/.segreg-trash" -type f | wc -l)" -gt 1000 ] || fail "SIGTERM waited for the end of a deletion"
	logged "stopped by SIGTERM; 0 deleted" || fail "the deletion that SIGTERM ended counts as done"
	expect 0 "$segctl" sweep
	says "1 segment deleted"
	ok "SIGTERM ends segregd in the midst of a deletion without a pace, and the next sweep finishes it"
else
	skipped "SIGTERM in the midst of a deletion: there is no strace that may trace"
fi

# A pace that makes each deletion last: SIGTERM comes in the middle of a sweep.
for i in {10..19}; do
	segment "$i" 60
done
expect 0 "$segctl" retire {10..19}
left_over() {
	find "$base" -maxdepth 1 -name '1?' | wc -l
}
serve --pace 60K
eventually logged "deleted 1"
stop
left=$("$segctl" ls --noheadings -o STATE | grep -cv live)
[ "$left" -gt 0 ] || fail "SIGTERM did not end the sweep: all ten were deleted"
[ "$left" -eq "$(left_over)" ] || fail "$left segments left, but not in the base directory"
for i in "$base"/1?; do
	[ "$(stat -c %s "$i/data")" -eq 61440 ] || fail "$i is not whole"
done
ok "SIGTERM ends a sweep after the deletion at hand"

expect 143 timeout --preserve-status --signal=TERM 0.2 "$segregd" --once --pace 250K
[ "$(left_over)" -gt 0 ] || fail "SIGTERM did not end segregd --once"
ok "SIGTERM ends segregd --once likewise, and shows"

# A pace at which the second file would be there for hours: it is killed, and the next one finishes what it began.
expect 0 "$segregd" --once
mkdir "$base/20"
touch "$base/20/"{a,b,c}
for i in a b c; do
	head -c 8192 /dev/urandom >"$base/20/$i"
done
expect 0 "$segctl" register 20 20
expect 0 "$segctl" retire 20
serve --pace 1
eventually test -d "$base/.segreg-trash" -a ! -e "$base/20"
end "$daemon" KILL
[ "$(find "$base/.segreg-trash" -type f | wc -l)" -gt 0 ] || fail "nothing was left to do"
serve
eventually logged "deleted 20 20:"
[ -z "$(ls -A "$base/.segreg-trash")" ] || fail "something is left in the trash"
stop
ok "a deletion that kill -9 cut off is finished by the next"

segment 21
serve --grace 0.7
before=$(date +%s%N)
expect 0 "$segctl" retire 21
eventually logged "deleted 21 21:"
[ $(($(date +%s%N) - before)) -ge 700000000 ] || fail "the grace period was cut short"
stop
ok "a grace period"

if command -v python3 >/dev/null; then
	python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True: print(s.recv(1000).decode(), flush=True)' "$dir/notify" >"$dir/notified" &
	children+=($!)
	listener=$!
	eventually test -S "$dir/notify"
	NOTIFY_SOCKET=$dir/notify serve
	eventually grep -q READY=1 "$dir/notified"
	stop
	eventually grep -q STOPPING=1 "$dir/notified"
	end "$listener" KILL
	ok "it tells a service manager when it is ready, and when it stops"
else
	skipped "service manager: no python3 to play one"
fi

# A segment of a directory and a file is two; at one a second, ten of them take longer than the signal.
expect 0 "$segregd" --once
for i in {30..39}; do
	segment "$i"
done
expect 0 "$segctl" retire {30..39}
three_left() {
	find "$base" -maxdepth 1 -name '3?' | wc -l
}
serve --pace-files 1
eventually logged "deleted 3"
stop
[ "$(three_left)" -gt 0 ] || fail "files are deleted without a pace"
serve --pace-files 1 --pace 1 --free 100
eventually is_gone 39
eventually test "$(three_left)" -eq 0 -o -z "$(ls -d "$base"/3? 2>/dev/null)"
stop
ok "a pace in files, and none on a disk that is short of space"
