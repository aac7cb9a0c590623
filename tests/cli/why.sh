#!/usr/bin/env bash
# why: who holds what, since when, how many bytes; and if nobody does, what else.
. "$(dirname "$0")/lib.sh"

# tells PATTERN: the output of why matches it.
tells() {
	"$segctl" why | grep -q "$1"
}

new_registry
expect 0 "$segctl" why
says "Nothing is kept"
expect 66 "$segctl" why 1

segment 1 100
segment 2 300
segment 3
hold reader-a 1 1 2
a=$holder
hold reader-b 2
b=$holder
expect 0 "$segctl" why 1
says "live, so nothing deletes it; 2 pins"
says "reader-a"
expect 0 "$segctl" why
says "Nothing is kept"
ok "a live segment"

expect 0 "$segctl" retire 1 2 3
expect 0 "$segctl" why -n
[ "$(awk '$1 ~ /^[0-9]+$/ { printf "%s ", $1 }' "$dir/out")" = "2 1 3 " ] || fail "not the biggest first"
says "held by 2 pins"
says "not held, but no segregd runs"
expect 0 "$segctl" why
grep -Eq " 408 KiB +104 KiB +2 +[0-9]+s +$a  holder \(reader-a\), $(id -un).*: 3 pins\$" "$dir/out" ||
	fail "reader-a is not among the processes"
grep -Eq " 304 KiB +0 B +1 +[0-9]+s +$b  holder \(reader-b\), $(id -un).*: 1 pin\$" "$dir/out" ||
	fail "reader-b is not among the processes"
says "2 2: held by 2 pins of $a holder, $b holder"
says "3 3: not held, but no segregd runs: segctl sweep"
says "1 segment (8.0 KiB) is held by no handle and waits for a sweep: segctl sweep."
expect 0 "$segctl" why 2
says "held by 2 pins"
grep -Eq "^ *$a +holder +$(id -un) +reader-a +1 " "$dir/out" || fail "reader-a is not in the table of holders"
grep -Eq "^ *$b +holder +$(id -un) +reader-b +1 " "$dir/out" || fail "reader-b is not in the table of holders"
kept=$("$segctl" why 2 --raw -n -o KEPT | head -n 1)
[ "$kept" -eq "$(du -s --block-size=1 "$base/2" | cut -f 1)" ] || fail "kept bytes are not what du says"
ok "holders"

expect 0 "$segctl" sweep
expect 0 "$segctl" why 1
says "Held since:"
kill -9 "$b"
wait "$b" 2>/dev/null
expect 0 "$segctl" why 2
says "(dead)"
ok "held since; a dead holder"

# A reservation belongs to a living process, or to nobody.
hold builder 20=built
builder=$holder
expect 0 "$segctl" why 20
says "being built by pid $builder holder"
expect 0 "$segctl" why
! grep -q built "$dir/out" || fail "why shows a segment whose builder lives"
expect 0 "$segctl" show 20
! grep -Eq '^Abandoned: *yes' "$dir/out" || fail "show calls a segment abandoned whose builder lives"
kill -9 "$builder"
wait "$builder" 2>/dev/null
expect 0 "$segctl" why 20
says "reserved by pid $builder, which is gone, but no segregd runs: segctl sweep"
expect 0 "$segctl" why
says "3 retired or abandoned segments keep"
says "built: reserved by pid $builder, which is gone, but no segregd runs: segctl sweep"
expect 0 "$segctl" show 20
grep -Eq '^Abandoned: *yes' "$dir/out" || fail "show does not call a segment abandoned whose builder is dead"
grep -Eq "^Builder: *$builder\$" "$dir/out" || fail "show does not name the builder"
expect 66 "$segctl" retire 20
complains "segment 20 is only reserved; its builder is gone, and a sweep deletes what it built: segctl sweep"
expect 66 "$segctl" retire --dry-run 20
complains "segment 20 is only reserved; its builder is gone, and a sweep deletes what it built: segctl sweep"
expect 0 "$segctl" why -J
says '"builder": '"$builder"
expect 0 "$segctl" sweep
[ ! -e "$base/built" ] || fail "a sweep left what a dead builder wrote"
ok "a builder that is dead"

# Hard links: only what has no name elsewhere comes back.
mkdir "$base/4"
head -c 50000 /dev/urandom >"$base/4/inside"
ln "$base/4/inside" "$base/4/inside-too"
head -c 90000 /dev/urandom >"$dir/outside"
ln "$dir/outside" "$base/4/outside"
expect 0 "$segctl" register 4 4
expect 0 "$segctl" retire 4
freed() {
	"$segctl" stats --raw -o BYTES_FREED | cut -d ' ' -f 2
}
kept=$("$segctl" why 4 --raw -n -o KEPT)
[ "$kept" -ge 50000 ] && [ "$kept" -lt 80000 ] || fail "50 kB of two names and 90 kB linked elsewhere keep $kept bytes"
before=$(freed)
expect 0 "$segctl" sweep
[ $(($(freed) - before)) -eq "$kept" ] || fail "why said $kept bytes, and $(($(freed) - before)) were freed"
ok "hard links"

serve
segment 5
mv "$base/5" "$base/aside"
mkdir "$base/5"
expect 0 "$segctl" retire 5
eventually logged "failed 5 5"
eventually tells "deletion failed.*: its path is no longer what was registered; next try in"
expect 0 "$segctl" why
says "3 retired segments keep at least "
expect 0 "$segctl" stats
grep -q '^Failed: *1$' "$dir/out" || fail "stats does not count the failure"
grep -q '^Sweeper: *yes$' "$dir/out" || fail "stats does not see segregd"
[ -d "$base/5" ] || fail "segregd deleted what was not registered"
rmdir "$base/5" && mv "$base/aside" "$base/5"
eventually is_gone 5
stop
ok "a deletion that failed"

mkdir "$base/6" "$base/6/sub"
expect 0 "$segctl" register 6 6
expect 0 "$segctl" retire 6
if mount -t tmpfs tmpfs "$base/6/sub" 2>"$dir/err"; then
	expect 75 "$segctl" sweep
	place=$(ls -d "$base"/.segreg-trash/6.*)
	expect 0 "$segctl" why 6
	says "the rest is $place;"
	expect 0 "$segctl" show 6
	says "$place"
	umount "$place/sub"
	ok "where the rest is of what could not be deleted"
else
	skipped "what could not be deleted: needs root, to mount something on it"
fi
expect 0 "$segctl" sweep --retry-now
