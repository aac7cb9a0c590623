#!/usr/bin/env bash
# The unit: how much systemd thinks it exposes, and whether it leaves segregd the system calls that it makes.
. "$(dirname "$0")/lib.sh"

unit=$root/daemon/segregd.service
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
		systemd-analyze --no-pager syscall-filter "$group" | sed -n '2,$s/^ *\([@a-z0-9_-]*\)$/\1/p' | while read -r line; do
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
