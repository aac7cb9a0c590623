#!/usr/bin/env bash
# The unit: how much systemd thinks it exposes, and whether it leaves segregd the system calls that it makes.
. "$(dirname "$0")/lib.sh"

unit=$root/daemon/segregd/segregd.service
worker=$root/tests/examples/worker@.service

# lacks DIRECTIVE UNIT... - comments aside, no unit has that directive.
lacks() {
	local directive=$1
	shift
	if grep -hE "^$directive" "$@" >"$dir/out"; then
		fail "$* must do without $directive"
	fi
}
lacks 'RestrictSUIDSGID=([^nf0]|on)' "$unit" "$worker" # openat2(2) would fail with ENOSYS
lacks 'ProcSubset=pid' "$unit"                         # no /proc/pressure/memory
lacks 'PrivateUsers=([^nf0]|on)' "$unit"               # the registry's owner would be nobody
lacks 'Private(IPC|PIDs)=([^nf0]|on)' "$unit" "$worker"
lacks 'TemporaryFileSystem=.*/dev' "$unit" "$worker"   # shared memory of its own
lacks 'DynamicUser=([^nf0]|on)' "$unit" "$worker"      # the end of a process would remove its user's shared memory,
lacks 'RemoveIPC=([^nf0]|on)' "$unit" "$worker"        # and so would this
lacks 'Limit(AS|FSIZE)=' "$unit" "$worker"             # the database's mapping needs address space, its file size
lacks 'NoExecPaths=/$|RootDirectory=|RootImage=|InaccessiblePaths=/(dev|proc|var)' "$unit"
grep -qE '^ReadWritePaths=.*/dev/shm' "$unit" ||
	fail "ProtectSystem=strict makes /dev/shm read-only without ReadWritePaths"
ok "it has no directive that takes away what segregd or the library needs"

if ! command -v systemd-analyze >/dev/null; then
	skipped "the unit's exposure: there is no systemd-analyze"
	exit 0
fi
expect 0 systemd-analyze security --offline=true --no-pager --threshold=15 "$unit"
says "Overall exposure level for segregd.service"
ok "exposure of at most 1.5: $(sed -n 's/.*exposure level for segregd.service: //p' "$dir/out")"

if ! command -v strace >/dev/null; then
	skipped "system calls: there is no strace"
	exit 0
fi
# members GROUP...: the system calls of these groups, nested ones included.
members() {
	local line group

	for group in "$@"; do
		case $group in
		@*) ;;
		*) echo "$group"; continue ;;
		esac
		systemd-analyze --no-pager syscall-filter "$group" |
			sed -n '2,$s/^ *\([@a-z0-9_-]*\)$/\1/p' | while read -r line; do
			members "$line"
		done
	done
}
filters=$(sed -n 's/^SystemCallFilter=//p' "$unit")
denied=$(echo "$filters" | sed -n 's/^~//p')
# shellcheck disable=SC2086
members $denied | sort -u >"$dir/denied"
# shellcheck disable=SC2086
members @default $(echo "$filters" | head -n 1) | grep -vxFf "$dir/denied" >"$dir/allowed"
# shellcheck disable=SC2086
members $(echo "$filters" | tail -n 1) >>"$dir/allowed"

new_registry
segment 1
segment 2
mkdir "$dir/prom"
printf 'metrics = %s\n[%s]\n' "$dir/prom" "$SEGREG_REGISTRY" >"$dir/conf"
: >"$dir/log"
strace -f -c -o "$dir/calls" "$segregd" -c "$dir/conf" 2>"$dir/log" &
tracer=$!
children+=("$tracer")
eventually logged serving
hold reader 2
expect 0 "$segctl" retire 1 2
eventually logged "deleted 1 1: "
end "$holder" KILL
eventually logged "deleted 2 2: "
daemon=$(pgrep -P "$tracer" segregd)
kill -HUP "$daemon"
eventually logged "read $dir/conf again"
kill "$daemon"
wait "$tracer"
awk '$1 ~ /^[0-9.]+$/ && $NF != "total" { print $NF }' "$dir/calls" | sort -u >"$dir/made"
[ "$(wc -l <"$dir/made")" -gt 40 ] || fail "strace has not seen what segregd does"
grep -vxFf "$dir/allowed" "$dir/made" >"$dir/out" && fail "system calls that the unit denies"
ok "it allows all system calls that segregd makes"
