#!/usr/bin/env bash
# dump and load: what one writes the other registers, all of it or nothing.
. "$(dirname "$0")/lib.sh"

# text LINE...: a dump of these segments in $dir/text, with its first and last line.
text() {
	{
		echo "segreg dump 1"
		[ $# -eq 0 ] || printf '%s\n' "$@"
		echo "end $#"
	} >"$dir/text"
}

state() {
	"$segctl" ls --raw -o ID,STATE,BORN,GONE,PATH
}

# refused STATUS WORDS: load says that of the text, and changes nothing.
refused() {
	expect "$1" "$segctl" load "$dir/text"
	complains "$2"
	is_silent
	state | cmp -s - "$dir/before" || fail "a refused load changed something"
	expect "$1" "$segctl" load --dry-run "$dir/text"
	complains "$2"
}

new_registry
expect 0 "$segctl" dump
[ "$(sed 's/^version [0-9]*$/version/' "$dir/out")" = $'segreg dump 1\nversion\nend 0' ] ||
	fail "the dump of an empty registry"
odd=$'odd/\xc3\xa4 \\n\n\xff'
mkdir -p "$base/$odd" "$base/2026/a/c" "$base/2026/a-b" "$base/2026/ab"
echo text >"$base/file"
for i in {1..200}; do
	mkdir "$base/many-$i"
	echo "segment $((1000 + i)) dir many-$i"
done >"$dir/many"
expect 0 "$segctl" register 3 file
expect 0 "$segctl" register 18446744073709551614 "$odd"
expect 0 "$segctl" register 2 2026/a
segment 4
expect 0 "$segctl" retire 4
expect 0 "$segctl" dump
grep -v '^version [0-9]*$' "$dir/out" >"$dir/dump"
cat >"$dir/want" <<'END'
segreg dump 1
segment 2 dir 2026/a
segment 3 file file
segment 18446744073709551614 dir odd/\xc3\xa4\x20\x5cn\x0a\xff
end 3
END
cmp -s "$dir/dump" "$dir/want" || fail "not the dump of three live segments"
[ "$(wc -l <"$dir/out")" -eq 6 ] || fail "a dump tells no version"
"$segctl" dump >/dev/full 2>"$dir/err" && fail "a dump onto a full disk is no failure"
ok "a dump has the live segments, and them only"

expect 0 "$segctl" sweep
expect 0 "$segctl" load "$dir/dump"
says "0 segments registered, 3 there already"
expect 0 "$segctl" remove 2 3 18446744073709551614
expect 0 "$segctl" load --dry-run "$dir/dump"
says "would register 2 2026/a"
says "3 segments would be registered, 0 there already"
expect 0 "$segctl" ls
is_silent
expect 0 "$segctl" load <"$dir/dump"
says "3 segments registered"
[ "$(column 2 BORN)" = "$(column 3 BORN)" ] || fail "one load made two versions"
"$segctl" dump | grep -v '^version' | cmp -s - "$dir/dump" || fail "what was loaded is not what was dumped"
expect 0 "$segctl" remove 3
expect 0 "$segctl" load - <"$dir/dump"
says "1 segment registered, 2 there already"
mapfile -t lines <"$dir/many"
text "" "${lines[@]}" "# by hand"
sed -i 's/^end .*/end 200/' "$dir/text"
expect 0 "$segctl" load "$dir/text"
says "200 segments registered"
ok "a load registers what is missing, in one version, and can be repeated"

state >"$dir/before"
text "segment 7 dir 2026/ab" "segment 8 dir 2026/none"
refused 66 "text:3: segment 8 2026/none: "
text "segment 7 dir 2026/ab" "segment 2 dir 2026/a-b"
refused 73 "text:3: segment 2 2026/a-b: the id is taken by segment 2 (live)"
text "segment 7 dir 2026/ab" "segment 7 dir 2026/a-b"
refused 73 "text:3: segment 7 2026/a-b: the id is taken by line 2"
text "segment 7 dir 2026/a"
refused 73 "text:2: segment 7 2026/a: the path is or lies in that of segment 2 (live)"
text "segment 7 dir 2026/a-b" "segment 8 dir 2026/a/c"
refused 73 "text:3: segment 8 2026/a/c: the path is or lies in that of segment 2 (live)"
text "segment 7 dir 2026/ab" "segment 8 dir 2026"
refused 73 "text:3: segment 8 2026: the path contains that of"
text "segment 7 dir 2026/ab" "segment 8 dir 2026/ab/c"
refused 73 "text:3: segment 8 2026/ab/c: the path is or lies in that of line 2"
text "segment 7 file 2026/ab"
refused 65 "text:2: segment 7 2026/ab: on the disk it is no file"
text "segment 3 dir file"
refused 73 "the id is taken by segment 3 (live)"
text "segment 7 dir ../x"
refused 65 "text:2: "
text "segment 7 dir none" "segment 8 dir none-either"
refused 66 "text:3: "
complains "text:2: "
ok "an impossible segment is named with its line, and nothing is changed"

segment 5
expect 0 "$segctl" dump
cp "$dir/out" "$dir/text"
hold reader 5 # and with it the shared memory, in which segments stand as they came
segment 20
segment 10
expect 0 "$segctl" dump
grep '^segment' "$dir/out" | sort -n -c -k 2,2 2>"$dir/err" || fail "a dump is not in the order of ids"
expect 0 "$segctl" retire 5
state >"$dir/before"
refused 73 "the id is taken by segment 5 (pending)"
end "$holder" TERM
ok "a dump is in the order of ids; a retired segment is not live again"

state >"$dir/before"
for line in "segment 7 dir" "segment 7 dir 2026/ab more more" "segment 7 dir 2026/ab " "segment 7 dir 2026/ab %x0" \
	"segment 7 dir 2026/ab $(printf %065d)" "segment 7 link 2026/ab" "segment -7 dir 2026/ab" \
	"segment 7 dir a\\x0" \
	"segment 7 dir a\\x00b" "segment 7 dir a\\q" "segment 7 dir a\\xAB" "segment 7 dir " "Segment 7 dir 2026/ab" \
	$'segment 7 dir 2026/ab\r' "segment" "segment  7 dir 2026/ab" "version x" "end"; do
	text "$line"
	refused 65 "text:2: "
done
text "segment 7 dir 2026/ab"
sed -i '$d' "$dir/text"
refused 65 "cut off"
echo "end 2" >>"$dir/text"
refused 65 "another number of segments"
text
echo "segment 7 dir 2026/ab" >>"$dir/text"
refused 65 "something follows"
text
sed -i 's/dump 1/dump 2/' "$dir/text"
refused 65 "not a dump of format 1"
: >"$dir/text"
refused 65 "cut off"
printf 'segreg dump 1\nsegment 7 dir 2026/ab\0\nend 1\n' >"$dir/text"
refused 65 "NUL"
expect 66 "$segctl" load "$dir/nonexistent"
expect 74 "$segctl" load "$dir"
expect 64 "$segctl" load "$dir/text" "$dir/text"
expect 64 "$segctl" dump operand
ok "a damaged or cut off dump is refused as a whole"

expect 0 "$segctl" dump
cp "$dir/out" "$dir/text"
path=$(sed -n 's/^segment [0-9]* dir //p' "$dir/text" | head -1) # a segment without user bytes
mv "$base/$path" "$base/aside"
mkdir "$base/$path"
expect 73 "$segctl" load "$dir/text"
complains "but another directory is there now"
rmdir "$base/$path" && mv "$base/aside" "$base/$path"
expect 0 "$segctl" load "$dir/text"
ok "what is registered and was replaced on the disk is not there already"

mkdir "$base/user-"{1,2,3}
user='level=2 %00%ff%25'
expect 0 "$segctl" register --user-bytes "$user" 101 user-1
expect 0 "$segctl" register -u "$(printf %064d)" 102 user-2
expect 0 "$segctl" register 103 user-3
expect 64 "$segctl" register -u "$(printf %065d)" 104 user-3
expect 64 "$segctl" register -u %x0 104 user-3
expect 73 "$segctl" register -u level=3 101 user-1
complains "segctl show 101"
[ "$("$segctl" ls --raw -o USER_BYTES -s live | grep -c level)" = 1 ] || fail "ls does not show the bytes"
expect 0 "$segctl" show 101
says 'level=2%20%00%ff%25'
expect 0 "$segctl" ls --json
says '"user_bytes": "level=2%20%00%ff%25"'
expect 0 "$segctl" dump
cp "$dir/out" "$dir/text"
grep -qxF 'segment 101 dir user-1 level=2%20%00%ff%25' "$dir/text" || fail "a dump without the bytes"
grep -qxF 'segment 103 dir user-3' "$dir/text" || fail "a dump with bytes that were not given"
expect 0 "$segctl" remove 101 102 103
expect 0 "$segctl" log --raw -e forgotten -o USER_BYTES 101
says 'level=2%20%00%ff%25'
expect 0 "$segctl" load "$dir/text"
says "3 segments registered"
"$segctl" dump | grep -v '^version' | cmp -s - <(grep -v '^version' "$dir/text") || fail "a load loses bytes"
expect 0 "$segctl" load "$dir/text"
says "0 segments registered"
sed -i 's/^\(segment 101 .*\)level=2/\1level=3/; s/^segment 103 .*/& more/' "$dir/text"
state >"$dir/before"
refused 73 "segment 101 user-1: other user bytes than those of segment 101 (live)"
refused 73 "segment 103 user-3: other user bytes than those of segment 103 (live)"
ok "a segment's user bytes are registered, shown, logged, dumped and loaded"
