#!/usr/bin/env bash
# segctl reports a segregd that runs and fails as failing, and not as absent.
. "$(dirname "$0")/lib.sh"

new_registry
for i in 1 2 3 4 5 6; do
	segment "$i"
done
lock=$SEGREG_REGISTRY/segregd.lock

# tells_not WORDS: none has.
tells_not() {
	local verb

	for verb in why stats check; do
		expect 0 "$segctl" "$verb"
		grep -qF -- "$1" "$dir/out" && fail "$verb tells '$1'"
	done
}

serve --interval 600
hold reader 1
expect 0 "$segctl" retire 1
eventually logged "held 1 1: "
expect 0 "$segctl" stats -Ro SWEEPER_PID
says "$daemon"
tells_not "failed, since"
end "$holder" KILL
eventually is_gone 1

# Its sweeps fail as long as its trash is a file.
is_stopped() {
	grep -q '^State:.T' "/proc/$daemon/status"
}
before_trouble=true
in_trouble() {
	hold reader "$1"
	expect 0 "$segctl" retire "$1"
	eventually logged "held $1 $1: "
	kill -STOP "$daemon"
	eventually is_stopped
	rm -rf "$base/.segreg-trash"
	: >"$base/.segreg-trash"
	$before_trouble
	kill -CONT "$daemon"
	end "$holder" KILL
	eventually logged "cannot use $base/.segreg-trash"
}
out_of_trouble() {
	rm "$base/.segreg-trash"
}
in_trouble 2
for verb in why "why 2" "why -n" "show 2" stats check; do
	# shellcheck disable=SC2086
	expect 0 "$segctl" $verb
	says "segregd (pid $daemon) runs, but its last sweep failed, since 20"
	says "cannot use $base/.segreg-trash: "
done
expect 0 "$segctl" stats -Ro SWEEPER,SWEEPER_PID
says "SWEEPER yes"
expect 75 "$segregd"
complains "another segregd (pid $daemon) serves $SEGREG_REGISTRY already"
"$segctl" why -J | grep -q "segregd (pid $daemon) runs, but" || fail "JSON does not tell"
ok "a second segregd is refused while the first is in trouble"
ok "why, show, stats and check tell what a segregd that runs has failed of"

out_of_trouble
eventually logged "serving $SEGREG_REGISTRY again"
eventually is_gone 2
tells_not "failed, since"
ok "and no longer when all is well"

in_trouble 3
end "$daemon" KILL
for verb in why "why 3" stats check; do
	# shellcheck disable=SC2086
	expect 0 "$segctl" $verb
	says "no segregd runs"
	says "the last (pid $daemon) failed at 20"
done
expect 0 "$segctl" stats -Ro SWEEPER
says "SWEEPER no"
serve --interval 600
stop
tells_not "the last"
out_of_trouble
ok "segctl shows what a dead segregd failed of, until one has ended in order"

for text in "" "segregd 1" "$(printf 'segregd 1\nturn 1\npid x in 1\nfailed 1 lies\n%1024s' '')" \
	"$(head -c 1100 /dev/zero | tr '\0' x)" \
	"$(printf 'segregd 1\nturn 7\npid 5 in 1')$(head -c 955 /dev/zero | tr '\0' ' ')$(printf '\nturn 7%26s' '')"; do
	printf %s "$text" >"$lock"
	expect 0 "$segctl" why
	says "no segregd runs: segctl sweep"
	grep -q lies "$dir/out" && fail "segctl repeats what it has not understood"
done
head -c 2000 /dev/urandom >"$lock"
expect 0 "$segctl" why
says "no segregd runs: segctl sweep"
{
	printf 'segregd 1\nturn 7\npid 4711 in 1\nfailed 1 lies\e[2J\n'
	head -c 1024 /dev/zero | tr '\0' '\n'
} | head -c 992 >"$dir/forged"
{ printf 'turn 7' && head -c 26 /dev/zero | tr '\0' '\n'; } >>"$dir/forged"
cp "$dir/forged" "$lock"
expect 0 "$segctl" why
says 'no segregd runs; the last (pid 4711 of another PID namespace) failed at 19'
says 'lies\x1b[2J'
rm "$lock"
mkfifo "$lock"
expect 0 "$segctl" why
says "no segregd runs: segctl sweep"
rm "$lock"
ok "what anybody wrote into segregd.lock is checked"

# Its file is replaced, as a copy of the directory replaces it: the lock is taken anew.
serve --interval 600
in_trouble 4
rm "$lock"
expect 0 "$segctl" stats -Ro SWEEPER
says "SWEEPER no"
out_of_trouble
locks_anew() {
	"$segctl" stats -Ro SWEEPER | grep -qx "SWEEPER yes"
}
eventually logged "serving $SEGREG_REGISTRY again"
eventually locks_anew
stop
ok "a lock that was replaced is taken again"

expect 0 "$segctl" retire 5 6
expect 0 "$segctl" sweep
mkdir "$dir/small"
if mount -t tmpfs -o size=48m tmpfs "$dir/small" 2>"$dir/err"; then
	umount_small() {
		umount -l "$dir/small"
		clean_up
	}
	trap umount_small EXIT
	base=$dir/small
	export SEGREG_REGISTRY=$dir/small/registry
	lock=$SEGREG_REGISTRY/segregd.lock
	expect 0 "$segctl" init --base "$base"
	segment 1
	fill() {
		cat /dev/zero >"$base/filler" 2>/dev/null
	}
	before_trouble=fill
	serve --interval 600
	in_trouble 1
	expect 0 "$segctl" why
	says "segregd (pid $daemon) runs, but its last sweep failed, since 20"
	out_of_trouble
	rm "$base/filler"
	eventually is_gone 1
	stop
	base=$dir/data
	export SEGREG_REGISTRY=$dir/registry
	lock=$SEGREG_REGISTRY/segregd.lock
	ok "a full disk keeps nobody from knowing"
else
	skipped "a full disk: needs root, to mount one"
fi

if [ "$(id -u)" -eq 0 ] && setpriv --reuid=65534 --regid=65534 --clear-groups true 2>/dev/null; then
	chmod 755 "$dir"
	chown -R 65534:65534 "$SEGREG_REGISTRY"
	rm -f "$lock"
	rm -rf "$base/.segreg-trash"
	: >"$dir/log"
	setpriv --reuid=65534 --regid=65534 --clear-groups "$segregd" --unconfined 2>"$dir/log" &
	daemon=$!
	children+=("$daemon")
	eventually logged "ermission denied"
	if logged "serving"; then
		eventually sh -c "'$segctl' why | grep -q 'segregd (pid $daemon) runs, but its last sweep failed'"
		expect 0 "$segctl" stats
		says "uid 65534"
		stop
	else
		logged "uid 65534" || fail "it does not tell whose rights are missing"
	fi
	ok "a registry made by root, and a segregd of another user"
else
	skipped "a segregd of another user: needs root"
fi
