#!/usr/bin/env bash
# The usual mistakes are answered with their cause: the wrong directory or user, tmpfs, no base, two daemons.
. "$(dirname "$0")/lib.sh"

new_registry
segment 1
expect 66 "$segctl" ls -r "$base"
complains "that directory is the base of the registry $SEGREG_REGISTRY: -r $SEGREG_REGISTRY"
expect 66 "$segctl" ls -r "$dir"
complains "there is a registry in it: -r $dir/registry"
expect 66 "$segctl" ls -r "$SEGREG_REGISTRY/registry.mdb"
complains "the directory above it is a registry: -r $SEGREG_REGISTRY"
mkdir "$dir/nothing"
expect 66 "$segctl" ls -r "$dir/nothing/"
grep -qE "base of|in it|above it" "$dir/err" && fail "an empty directory has to do with a registry"
expect 66 "$segregd" "$base"
complains "is the base of the registry $SEGREG_REGISTRY"
[ ! -e "$base/segregd.lock" ] || fail "segregd left something in a directory that is no registry"
ok "the wrong directory"

expect 66 "$segctl" init --base "$dir/data2" "$dir/registry2"
complains "make it first (mkdir -p)"
[ ! -e "$dir/registry2" ] || fail "something was made all the same"
ok "a base that is missing"

serve --interval 600
expect 75 "$segregd"
complains "another segregd (pid $daemon) serves $SEGREG_REGISTRY already"
stop
ok "two daemons"

if [ "$(stat -fc %T /dev/shm)" = tmpfs ] && memory=$(mktemp -d -p /dev/shm); then
	mkdir "$memory/data"
	expect 0 "$segctl" init --base "$memory/data" "$memory/registry"
	complains "note: $memory/registry is on tmpfs, and is gone after a restart"
	expect 0 "$segctl" init "$memory/registry"
	[ ! -s "$dir/err" ] || fail "a registry that exists is noted again"
	mkdir "$dir/data3"
	if [ "$(stat -fc %T "$dir")" != tmpfs ]; then
		expect 0 "$segctl" init --base "$dir/data3" "$memory/registry3"
		complains "no sweep deletes what is below $dir/data3"
	fi
	rm -rf "$memory"
	ok "a registry on tmpfs"
else
	skipped "a registry on tmpfs: /dev/shm is none"
fi

if [ "$(id -u)" -eq 0 ] && setpriv --reuid=65534 --regid=65534 --clear-groups true 2>/dev/null; then
	chmod 755 "$dir" "$SEGREG_REGISTRY"
	other=$(id -un 65534 2>/dev/null || echo "uid 65534")
	expect 77 setpriv --reuid=65534 --regid=65534 --clear-groups "$segctl" ls
	complains "the registry belongs to root, and this process is $other"
	complains "chown -R "
	expect 77 setpriv --reuid=65534 --regid=65534 --clear-groups "$segregd" --unconfined
	complains "the registry belongs to root, and this process is $other"
	ok "made by root, used by another user"
else
	skipped "made by root, used by another user: needs root"
fi

# A segregd that runs and has lost its lock: it is there, and serves nothing.
expect 0 "$segctl" why
says "Nothing is kept"
expect 0 "$segctl" retire 1
serve --interval 600
eventually logged "deleted 1 1: "
segment 2
kill -STOP "$daemon"
rm "$SEGREG_REGISTRY/segregd.lock"
expect 0 "$segctl" retire 2
expect 0 "$segctl" why 2
says "segregd (pid $daemon) runs, but it does not serve the registry: its log tells why"
kill -CONT "$daemon"
eventually is_gone 2
stop
segment 3
expect 0 "$segctl" retire 3
expect 0 "$segctl" why 3
says "no segregd runs"
ok "a segregd that runs and does not serve is not said to be absent"

expect 64 "$segctl"
complains "which verb?"
if command -v script >/dev/null; then
	script -qec "$segctl" /dev/null >"$dir/out" 2>&1 </dev/null
	for words in "The registry is $SEGREG_REGISTRY" "segctl init --base" "segctl why" "segctl ls"; do
		says "$words"
	done
	env -u SEGREG_REGISTRY script -qec "$segctl" /dev/null >"$dir/out" 2>&1 </dev/null
	says "-r DIR names the registry"
	ok "segctl alone, on a terminal"
else
	skipped "segctl alone on a terminal: there is no script(1)"
fi
