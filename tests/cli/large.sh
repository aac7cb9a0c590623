#!/usr/bin/env bash
# A registry with many segments: its lists and dumps are filtered, in order, and in little memory.
. "$(dirname "$0")/lib.sh"

fail() {
	echo "FAILED: $*" >&3
	head -n 3 "$dir/out" "$dir/err" >&3
	exit 1
}

many=24000
mkdir "$base"
mkdir "$base"/{0..7}
seq "$many" | awk -v base="$base" '{ print base "/" $1 % 8 "/segment-with-a-long-name-" $1 }' | xargs touch
export SEGREG_REGISTRY=$dir/registry
expect 0 "$segctl" init --base "$base"
expect 0 "$segctl" register --below .
says "$many segments registered"

# frugally COMMAND...: with 8 MiB for all data.
frugally() {
	(ulimit -d 8192 && exec "$@")
}
if [ -n "${SAN_FLAGS-}" ]; then
	frugally() { "$@"; }
	skipped "little memory: a sanitizer needs more. It would have shown that ls and dump keep no rows"
fi

expect 0 frugally "$segctl" ls
[ "$(wc -l <"$dir/out")" -eq $((many + 1)) ] || fail "not all rows"
awk 'NR > 1 { print $1 }' "$dir/out" | LC_ALL=C sort -c || fail "not in the order of ids" # all have 19 digits
expect 0 frugally "$segctl" ls --json
python3 -c "import json, sys; assert len(json.load(open(sys.argv[1]))['segments']) == $many" "$dir/out" ||
	fail "not all rows as JSON"
expect 0 frugally "$segctl" ls --sort none -nRo ID
[ "$(sort -u "$dir/out" | wc -l)" -eq "$many" ] || fail "not every segment once"
frugally "$segctl" dump >"$dir/dump" || fail "dump ended with $?"
frugally "$segctl" dump | cmp - "$dir/dump" || fail "a dump through a pipe differs"
[ "$(tail -n 1 "$dir/dump")" = "end $many" ] || fail "the dump is cut off"
"$segctl" ls >/dev/full 2>"$dir/err"
[ $? -eq 74 ] || fail "ls to a full disk is not EX_IOERR"
"$segctl" dump >/dev/full 2>"$dir/err"
[ $? -eq 74 ] || fail "dump to a full disk is not EX_IOERR"
ok "lists and dumps of $many segments in 8 MiB"

expect 0 "$segctl" ls --sort path --limit 5 -nRo PATH
find "$base" -type f -path "$base/[0-7]/*" | sed "s,$base/,," | LC_ALL=C sort >"$dir/paths"
head -n 5 "$dir/paths" | cmp - "$dir/out" || fail "not the first five paths"
expect 0 "$segctl" ls --sort -path --limit 3 -nRo PATH
tail -n 3 "$dir/paths" | LC_ALL=C sort -r | cmp - "$dir/out" || fail "not the last three paths"
expect 0 "$segctl" ls --sort path -nRo PATH
cmp "$dir/paths" "$dir/out" || fail "not in the order of paths"
expect 0 "$segctl" ls --path 3/ -nRo PATH
grep -c "^3/" "$dir/paths" | grep -qx "$(grep -c "^3/segment" "$dir/out")" || fail "not those below 3"
[ "$(grep -cv "^3/" "$dir/out")" -eq 0 ] || fail "others than those below 3"
expect 0 "$segctl" ls --path '[34]/*-1000?' -nRo PATH
[ "$(sort "$dir/out" | paste -sd' ')" = "3/segment-with-a-long-name-10003 4/segment-with-a-long-name-10004" ] ||
	fail "not those that match"
expect 0 "$segctl" ls --path '*' -n
is_silent
expect 0 "$segctl" ls --path 3/segment-with-a-long-name-1 -n
is_silent # a prefix of names is no path
ok "by path"

expect 0 "$segctl" retire '5/*-1000[0-9]' '6/*-2000[0-9]'
says "2 segments retired"
expect 0 "$segctl" ls --state pending --sort -id -nRo PATH
[ "$(wc -l <"$dir/out")" -eq 2 ] || fail "not the pending ones"
expect 0 "$segctl" ls --retired 1h -n
is_silent
expect 0 "$segctl" ls --retired 0 -nRo STATE
[ "$(sort -u "$dir/out")" = pending ] && [ "$(wc -l <"$dir/out")" -eq 2 ] || fail "not those that are retired"
expect 0 "$segctl" ls --older 1h -n
is_silent
expect 0 "$segctl" ls --newer 30d --limit 7 -nRo ID
[ "$(wc -l <"$dir/out")" -eq 7 ] || fail "not seven"
expect 0 "$segctl" ls --older 0 --state live -nRo ID
[ "$(wc -l <"$dir/out")" -eq $((many - 2)) ] || fail "not all that are live"
expect 64 "$segctl" ls --sort size
expect 64 "$segctl" ls --sort pnis
complains "did you mean 'pins'?"
expect 64 "$segctl" ls --limit 0
ok "by state and age"

id=$("$segctl" ls --path 7/segment-with-a-long-name-7 -nRo ID)
other=$("$segctl" ls --path 7/segment-with-a-long-name-15 -nRo ID)
head -c 100000 /dev/urandom >"$base/7/segment-with-a-long-name-15"
hold reader "$id" "$id" "$other"
[ "$("$segctl" ls --sort pins --limit 2 -nRo ID,PINS | paste -sd' ')" = "$id 2 $other 1" ] || fail "not the most pinned"
[ "$("$segctl" ls --sort bytes --limit 1 -nRo ID)" = "$other" ] || fail "not the largest"
ok "by pins and bytes"
