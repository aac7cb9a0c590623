#!/usr/bin/env bash
# What the command line accepts and refuses, and with which exit status.
. "$(dirname "$0")/lib.sh"

verbs="init register retire ls show why stats sweep dump load"

expect 0 "$segctl" --help
for verb in $verbs; do
	says "  $verb "
done
expect 0 "$segctl" --version
version=$(awk '/define SEGREG_VERSION_(MAJOR|MINOR|PATCH)/ { v = v s $3; s = "." } END { print v }' \
	"$root/include/segreg.h")
says "segctl $version"
for verb in $verbs; do
	expect 0 "$segctl" "$verb" --help
	says "Usage: segctl [-r DIR] $verb"
	awk 'length > 80 { exit 1 }' "$dir/out" || fail "segctl $verb --help has a line of more than 80 characters"
done
expect 0 "$segctl" ls --help
says "REGISTERED_AT"
ok "help and version"

for command in "" "nosuchverb" "--nosuchoption" "ls" "ls --nosuchoption" "ls operand" "register" "register 1" \
	"register 1 a b" \
	"retire" "show" "show 1 2" "holders 1 2" "remove" "discard" \
	"why 1 2" "stats 1" "sweep 1" "init" "-r $dir/a init $dir/b" "init a b"; do
	# shellcheck disable=SC2086
	expect 64 "$segctl" $command
	complains "Try 'segctl "
done
ok "a wrong command line is EX_USAGE"

new_registry
segment 1
for id in 0x 18446744073709551616 0x10000000000000000; do
	expect 64 "$segctl" show -- "$id"
	expect 64 "$segctl" why -- "$id"
	expect 64 "$segctl" holders -- "$id"
	expect 64 "$segctl" log -- "$id"
	expect 64 "$segctl" pin "$id" -- true
	expect 64 "$segctl" remove -- "$id"
	expect 64 "$segctl" retire 1 -- "$id"
	expect 64 "$segctl" register -- "$id" 1
done
for id in "" x 1x -1 +1 " 1" "1 " 0xg 1.0 18446744073709551615; do
	expect 64 "$segctl" register -- "$id" 1
done
for path in x 1x -1 +1 " 1" "1 " 0xg 1.0; do
	expect 66 "$segctl" show -- "$path"
	expect 66 "$segctl" why -- "$path"
	expect 66 "$segctl" holders -- "$path"
	expect 66 "$segctl" log -- "$path"
	expect 66 "$segctl" pin -- "$path" -- true
	expect 66 "$segctl" remove -- "$path"
	expect 66 "$segctl" retire 1 -- "$path"
	expect 66 "$segctl" retire -n 1 -- "$path"
done
expect 0 "$segctl" show 0x1
expect 0 "$segctl" show 01
expect 66 "$segctl" show 18446744073709551615
ok "an id is decimal or 0x hexadecimal, of 64 bits; anything else is a path"

expect 64 "$segctl" ls --state retired
expect 64 "$segctl" ls -o ID,NOSUCH
complains "NOSUCH"
expect 64 "$segctl" ls -o ""
expect 64 "$segctl" sweep --limit 0
expect 64 "$segctl" sweep --limit 4294967296
expect 64 "$segctl" sweep --grace 1x
complains "a duration, such as 90, 90s, 5m, 1h30m or 2d"
expect 64 "$segctl" sweep --grace -1
expect 64 "$segctl" sweep --pace 0
expect 64 "$segctl" sweep --pace 5X
complains "a number of bytes, such as 512K, 1.5G or 2 TiB"
expect 64 "$segctl" init --max-lanes many
expect 64 "$segctl" init --max-segments 4000000000 --base "$base" "$dir/other"
ok "a wrong value of an option is EX_USAGE"

SEGREG_REGISTRY=/nonexistent expect 0 "$segctl" -r "$dir/registry" show 1
SEGREG_REGISTRY=/nonexistent expect 0 "$segctl" show 1 --registry "$dir/registry"
SEGREG_REGISTRY=/nonexistent expect 66 "$segctl" show 1
expect 66 "$segctl" -r "$base" ls
complains "segctl: ls: "
ok "the registry is that of -r, else the environment's"

for command in --help --version "ls --help" ls "show 1" why "why 1" stats sweep "ls --json" "stats --json" init \
	holders "holders --json" dump "retire -n 1" "remove -n 1"; do
	# shellcheck disable=SC2086
	"$segctl" $command >/dev/full 2>"$dir/err"
	[ $? -eq 74 ] || fail "segctl $command on a full disk is not EX_IOERR"
	complains "cannot write"
	# shellcheck disable=SC2086
	"$segctl" $command >&- 2>"$dir/err"
	[ $? -eq 74 ] || fail "segctl $command with a closed stdout is not EX_IOERR"
done
ok "what cannot be written is EX_IOERR"

expect 0 "$segregd" --help
awk 'length > 80 { exit 1 }' "$dir/out" || fail "segregd --help has a line of more than 80 characters"
expect 0 "$segregd" --version
for command in "--nosuchoption" "--grace x" "--pace 0" "--interval 0" "--interval -1" "--once a b" "a a"; do
	# shellcheck disable=SC2086
	expect 64 "$segregd" $command
	complains "Try 'segregd --help'."
done
(unset SEGREG_REGISTRY && expect 64 "$segregd") || exit 1
expect 66 "$segregd" -r /nonexistent
expect 66 "$segregd" --once /nonexistent
"$segregd" --help >/dev/full 2>"$dir/err"
[ $? -eq 74 ] || fail "segregd --help on a full disk is not EX_IOERR"
ok "segregd's command line"
