#!/usr/bin/env bash
# Operands that name many segments, errors of which there are many, words that are nearly right, bursts in the log.
. "$(dirname "$0")/lib.sh"

new_registry
mkdir -p "$base"/{2026,2027}/{a,b}
for i in {1..9}; do
	segment "$i"
done
for path in 2026/a/x.sst 2026/a/y.sst 2026/b/x.sst 2027/a/x.sst 2026/a/.z.sst; do
	: >"$base/$path"
	expect 0 "$segctl" register $((++i)) "$path"
done # 10 to 14
live() { "$segctl" ls -s live -nRo ID | sort -n | paste -sd' '; }

expect 0 "$segctl" retire -n 2-4 '2026/*/x.sst'
printf 'would retire %s, pinned 0 times\n' '2 2' '3 3' '4 4' '10 2026/a/x.sst' '12 2026/b/x.sst' >"$dir/wanted"
cmp "$dir/out" "$dir/wanted" ||
	fail "not the live segments that match"
expect 0 "$segctl" retire 2-4 '2026/*/x.sst'
says "5 segments retired"
[ "$(live)" = "1 5 6 7 8 9 11 13 14" ] || fail "others are live: $(live)"
expect 0 "$segctl" retire 0x1-0x5 9
says "3 segments retired"
[ "$(live)" = "6 7 8 11 13 14" ] || fail "others are live: $(live)"
expect 0 "$segctl" retire 7-7
says "1 segment retired"
expect 0 "$segctl" retire 6
is_silent
expect 0 "$segctl" retire "$base/2026/a/*"
[ "$(live)" = "8 13 14" ] || fail "a star matches a slash, or a leading period: $(live)"
ok "ranges of ids and patterns of paths"

expect 66 "$segctl" retire 1-7
complains "no live segment matches '1-7'"
expect 66 "$segctl" retire '2028/*'
expect 66 "$segctl" retire 8 '2028/*'
expect 66 "$segctl" retire 8 99
expect 66 "$segctl" retire 9-8 # a path
expect 66 "$segctl" retire './2027/*/*' # one, too
expect 66 "$segctl" retire 'x-9'
expect 64 "$segctl" retire 8 18446744073709551616
[ "$(live)" = "8 13 14" ] || fail "something was retired all the same: $(live)"
ok "all or none; what matches nothing is an error"

mkdir "$base/8-9" "$base/b[1]"
expect 0 "$segctl" register 20 8-9
expect 0 "$segctl" register 21 'b[1]'
expect 64 "$segctl" retire 8-9
complains "write ./8-9 for the path, or 08-9 for the ids"
expect 64 "$segctl" retire 'b[1]'
complains "write ./b[1] for the path"
[ "$(live)" = "8 13 14 20 21" ] || fail "something was retired all the same: $(live)"
expect 0 "$segctl" retire ./8-9 './b[1]'
expect 0 "$segctl" retire 08-9
[ "$(live)" = "13 14" ] || fail "not what was meant: $(live)"
ok "an operand with two meanings is refused"

expect 0 "$segctl" sweep
for i in {101..120}; do
	segment "$i" 0
done
hold reader 101 102 103 104 105 106 107 108
expect 75 "$segctl" remove 101-110
says "2 segments forgotten"
[ "$(grep -c "is held" "$dir/err")" -eq 5 ] || fail "not five errors"
complains "and 3 more errors with exit status 75"
expect 75 "$segctl" remove -n 101-108 111
says "would forget 111"
complains "and 3 more errors"
expect 66 "$segctl" remove 999 998 101
[ "$(grep -c "" "$dir/err")" -eq 3 ] || fail "few errors do not have a line each"
end "$holder" KILL
expect 0 "$segctl" remove 101-108
says "8 segments forgotten"
expect 66 "$segctl" remove 901 902 903 904 905 906 907 111
complains "and 2 more errors with exit status 66"
! "$segctl" show 111 2>"$dir/err" || fail "an error keeps another segment from being forgotten"
expect 0 "$segctl" pin '11[2-4]' 120 -- sh -c "'$segctl' ls -nRo ID,PINS"
for i in 112 113 114 120; do says "$i 1"; done
says "115 0"
expect 66 "$segctl" pin '9*' -- true
ok "remove and pin take them; equal errors become a sum"

{
	printf 'segreg dump 1\nversion 1\n'
	printf 'segment %s dir none-%s\n' $(for i in {201..1200}; do echo "$i" "$i"; done)
	printf 'end 1000\n'
} | sed 's/none-\([0-9]*\) .*/none-\1/' >"$dir/dump"
expect 66 "$segctl" load "$dir/dump"
[ "$(grep -c "" "$dir/err")" -eq 6 ] || fail "a thousand missing segments make $(grep -c "" "$dir/err") lines"
complains "and 995 more errors with exit status 66"
ok "a load without files makes six lines"

suggests() {
	local words=$1
	shift
	expect 64 "$segctl" "$@"
	complains "$words"
}
suggests "; did you mean 'sweep'?" sweeep
suggests "; did you mean 'sweep'?" SWEEP
suggests "; did you mean 'retire'?" retrie 1
suggests "; did you mean 'ls'?" list
suggests "; did you mean 'stats'?" status
suggests "; did you mean 'PINS'?" ls -o ID,PNIS
suggests "; did you mean 'deleted'?" log -e delted
suggests "ls: did you mean '--state'?" ls --sate=live
suggests "segctl: did you mean '--version'?" --versoin
for command in zzz showers "" "$(printf 'l%.0s' {1..99})"; do
	expect 64 "$segctl" "$command"
	! grep -q "did you mean" "$dir/err" || fail "'$command' is near to nothing"
done
expect 64 "$segctl" ls -o
! grep -q "did you mean" "$dir/err" || fail "a suggestion for a missing argument"
ok "did you mean"

# is_summed FILE EVENT WORDS: of 30 such events, some have a line, and the sums have the number of the others.
is_summed() {
	local lines sum
	lines=$(grep -c ": $2 [0-9]" "$1")
	sum=$(sed -n "s/.*: \([0-9]*\) more $3.*/\1/p" "$1" | paste -sd+)
	[ "$lines" -ge 10 ] && [ -n "$sum" ] && [ $((lines + sum)) -eq 30 ] ||
		fail "30 events '$2' make $lines lines and the sum '$sum': $(cat "$1")"
}
for i in {301..330}; do
	segment "$i"
done
expect 0 "$segctl" hold -- sh -c "'$segctl' retire 301-330 && '$segregd' --once 2>'$dir/held'"
is_summed "$dir/held" held "are held: segctl why"
expect 0 "$segregd" --once
is_summed "$dir/err" deleted "were deleted: [0-9.]* [KM]iB freed"
for i in {401..411}; do
	segment "$i"
done
expect 0 "$segctl" retire 401-411
expect 0 "$segregd" --once
[ "$(grep -c ": deleted 4" "$dir/err")" -eq 11 ] || fail "a sum of one is no line"
for i in {501..530}; do
	segment "$i"
done
expect 0 "$segctl" retire 501-530
expect 0 "$segregd" --once -l json
[ "$(grep -c '"event":"deleted"' "$dir/err")" -eq 30 ] || fail "JSON lacks events"
for i in {601..630}; do
	segment "$i"
	rm -r "${base:?}/$i"
done
grep -ahoE '^region /segreg-[0-9a-f]+' "$dir/registry/registry.lock" | while read -r _ region; do
	rm -f "/dev/shm$region" # a restart: the next sweep looks for missing files
done
expect 0 "$segregd" --once
is_summed "$dir/err" missing "are missing: segctl check"
ok "a burst of events in the log is some lines and a sum; JSON has all"

# bare values, milliseconds, and nouns for one thing.
segment 701
expect 0 "$segctl" stats -nR -o LIVE,COMMIT_NS,LIBRARY
paste -sd' ' "$dir/out" | grep -qE '^[0-9]+ [0-9]+ [0-9.]+$' || fail "no bare values"
commit_ns=$(sed -n 2p "$dir/out")
expect 0 "$segctl" show 701 -nR -o ID,RETIRED,PATH
[ "$(cat "$dir/out")" = $'701\n\n701' ] || fail "an empty value has no line"
expect 0 "$segctl" show 701 -o ID,RETIRED,PATH
! grep -q Retired "$dir/out" || fail "an empty value has a label"
expect 0 "$segctl" stats
grep -qE '^Commit time: +[0-9.]+ m?s$' "$dir/out" && grep -qE '^Commit time max: +[0-9.]+ m?s$' "$dir/out" ||
	fail "not milliseconds"
expect 0 "$segctl" stats --json
grep -qE "\"commit_ns\": *$commit_ns," "$dir/out" || fail "JSON has no nanoseconds"
mkdir "$dir/one"
expect 0 "$segctl" init --base "$dir/one" --max-segments 1 --max-lanes 1 "$dir/one-registry"
says "at most 1 segment and 1 handle at once"
expect 0 "$segctl" pin 701 -- "$segctl" retire -n 701
says "pinned 1 time"
! grep -q "1 times" "$dir/out" || fail "1 times"
ok "bare values, milliseconds and nouns"
