#!/usr/bin/env bash
# segctl defer: every call that deletes, looks or makes; files that go at once; and what stands in its way.
. "$(dirname "$0")/lib.sh"

shim=$build/libsegreg-defer.so
[ -e "$shim" ] || { skipped "libsegreg-defer.so is not built with a sanitizer"; exit 77; }
case $build in
*[[:blank:]:]*) skipped "LD_PRELOAD takes no path with a colon or a blank"; exit 77 ;;
esac
new_registry
${CC:-cc} -O2 -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -o "$dir/calls" "$root/tests/cli/defer-calls.c" -pthread ||
	fail "cannot build the program"

# state PATH: the state of the segment at path; nothing if there is none.
state() {
	"$segctl" ls --noheadings --raw -o STATE,PATH | awk -v path="$1" '$2 == path { print $1 }'
}

# calls PART: that part of the program runs in base, while a horizon is held, and its work is kept.
calls() {
	expect 0 "$segctl" hold -- sh -c "cd '$base' && '$segctl' defer -- timeout $patience '$dir/calls' '$1' &&
		'$segctl' sweep >&2 && '$segctl' ls -o STATE,PATH && $2"
}

nothing_is_left() {
	expect 0 "$segctl" sweep
	expect 0 "$segctl" ls --noheadings
	is_silent
}

calls deletes "cat '$base'/old-1 '$base'/old-2 '$base'/old-3"
says "oldoldold"
nothing_is_left
[ -z "$(ls "$base")" ] || fail "left: $(ls "$base")"
ok "what is deleted is gone for the program, and stays for readers"

calls uses-again true
nothing_is_left
[ "$(cat "$base"/again-*)" = newnewnewnewnewnewnewnewnewnew ] || fail "left: $(cat "$base"/again-*)"
rm -r "${base:?}"/*
ok "a name that is used again gets a file of its own, whichever call makes it"

calls removes-directories "cat '$base'/dir/a '$base'/dir/b '$base'/dir/sub/c"
says "oldoldold"
nothing_is_left
[ "$(cd "$base" && echo *)" = "again to" ] || fail "left: $(ls "$base")"
rm -r "${base:?}"/*
ok "a directory without visible files can be removed, made again and moved, and stays for readers"

calls deletes-at-once "! ls '$base'/x.* '$base'/*[kK]"
[ "$(wc -l <"$dir/out")" -le 1 ] || fail "something was discarded"
ok "names that say something by being there are deleted at once"

for part in in-threads in-a-vfork leaves-by-a-jump takes-the-descriptors; do
	calls "$part" true
	nothing_is_left
	[ -z "$(ls "$base")" ] || fail "$part left: $(ls "$base")"
	ok "the program goes on: $part"
done

# A lease keeps what it holds: the name cannot be used again before it is dropped.
cd "$base" || exit 1
mkdir leased
echo old | tee file leased/file >file2
expect 0 "$segctl" lease put backup
expect 0 "$segctl" defer -- rm -r file leased
expect 1 "$segctl" defer -- sh -c 'test ! -e file && echo new >file2 && cp file2 file'
complains "resource busy"
complains "the lease backup holds"
expect 1 "$segctl" defer -- mkdir leased
expect 0 "$segctl" sweep
[ "$(cat file leased/file)" = "$(printf 'old\nold')" ] || fail "a lease does not hold: $(ls)"
expect 0 "$segctl" lease drop backup
expect 0 "$segctl" defer -- sh -c 'cp file2 file && mkdir leased && rm -r file file2 leased'
nothing_is_left
ok "what a lease holds keeps its name"

# ---------------------------------------------------------------- the command

cd "$base" || exit 1
expect 0 "$segctl" defer -- sh -c 'echo "$SEGREG_REGISTRY"'
says "$SEGREG_REGISTRY"
(unset SEGREG_REGISTRY && cd "$dir" && "$segctl" defer -r registry sh -c 'echo "$SEGREG_REGISTRY"') >"$dir/out"
says "$dir/registry"
expect 3 "$segctl" defer -- sh -c 'echo three; exit 3'
dies() {
	"$segctl" defer -- sh -c 'kill -TERM $$'
} 2>/dev/null
dies
[ $? -eq 143 ] || fail "not ended by that signal"
expect 127 "$segctl" defer -- /no/such/command
expect 126 "$segctl" defer -- "$base"
expect 64 "$segctl" defer
expect 64 "$segctl" defer --
expect 64 "$segctl" defer --match , -- true
expect 66 "$segctl" defer -r "$dir/none" -- true
SEGREG_DEFER_LIBRARY=/no/such/library expect 69 "$segctl" defer -- true
complains "SEGREG_DEFER_LIBRARY"
ok "exit statuses and errors"

expect 0 env LD_PRELOAD=libm.so.6:libdl.so.2 "$segctl" defer -- "$segctl" defer -- sh -c 'echo "$LD_PRELOAD"'
[ "$(cat "$dir/out")" = "$shim:libm.so.6:libdl.so.2" ] || fail "LD_PRELOAD is $(cat "$dir/out")"
expect 0 env LD_PRELOAD=libm.so.6 "$segctl" defer -- "$segctl" hold -- sh -c 'echo "$LD_PRELOAD"'
[ "$(cat "$dir/out")" = libm.so.6 ] || fail "LD_PRELOAD is $(cat "$dir/out") below hold"
echo 1 >file
expect 0 "$segctl" defer -- "$segctl" hold -- sh -c "'$segctl' defer -- rm file && '$segctl' sweep && cat file"
nothing_is_left
ok "LD_PRELOAD of the user stays, and readers below defer see what is discarded"

mkdir -p sub
touch a.sst b.ldb c.log d.sst sub/a.sst sub/b.sst sub/c.sst
"$segctl" hold -- sh -c "'$segctl' defer --match '*.sst,*.ldb,!d.*,!sub/[ab].*,sub/b.*' -- \
	rm a.sst b.ldb c.log d.sst sub/a.sst sub/b.sst sub/c.sst; ls * >'$dir/out'"
[ "$(tr '\n' ' ' <"$dir/out")" = "a.sst b.ldb  sub: b.sst c.sst " ] || fail "kept: $(cat "$dir/out")"
nothing_is_left
ok "--match: by name, by path, and taken out again; the last pattern that fits decides"

mkdir "$dir/elsewhere"
touch "$dir/elsewhere/file"
ln -s "$dir/elsewhere" away
expect 0 "$segctl" defer -- rm "$dir/elsewhere/file"
[ ! -e "$dir/elsewhere/file" ] || fail "a file elsewhere stays"
touch "$dir/elsewhere/file"
expect 0 "$segctl" defer -- rm away/file
[ ! -e "$dir/elsewhere/file" ] && [ -z "$(state away/file)" ] || fail "a file behind a symbolic link stays"
ln -s "$base" "$dir/way"
touch through
expect 0 "$segctl" hold -- sh -c "'$segctl' defer -- rm '$dir/way/through' && cat through"
ok "what lies elsewhere is deleted at once"

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	chmod 755 "$dir" && chmod 777 "$base"
	expect 77 "${nobody[@]}" "$segctl" defer -- true
	touch own other
	expect 0 env LD_PRELOAD="$shim" SEGREG_DEFER_REGISTRY="$SEGREG_REGISTRY" SEGREG_DEFER_BASE="$base" \
		"${nobody[@]}" rm -f own other
	[ "$(grep -c 'deletions are not deferred' "$dir/err")" -eq 1 ] || fail "not one word about the registry"
	[ ! -e own ] && [ ! -e other ] || fail "not deleted"
	mkdir -p "$dir/theirs/shut"
	touch "$dir/theirs/shut/file" "$dir/theirs/file"
	chmod 1777 "$dir/theirs/shut"
	chown 65534 "$dir/theirs" "$dir/theirs/file"
	expect 0 "${nobody[@]}" "$segctl" init -B "$dir/theirs" "$dir/theirs/registry"
	expect 1 "${nobody[@]}" "$segctl" defer -r "$dir/theirs/registry" -- \
		rm -f "$dir/theirs/file" "$dir/theirs/shut/file"
	complains "Operation not permitted"
	expect 0 "${nobody[@]}" "$segctl" sweep -r "$dir/theirs/registry"
	[ -e "$dir/theirs/shut/file" ] && [ ! -e "$dir/theirs/file" ] || fail "a file goes that the user may not delete"
	ok "a user who may not use the registry deletes at once, and who may not delete does not discard"
else
	skipped "rights of users: needs root and setpriv"
fi
rm -rf "${base:?}"/*
"$segctl" sweep >/dev/null

# ---------------------------------------------------------------- nothing of segreg is there

# lonely COMMAND...: with the library, whose registry and base are these.
lonely() {
	expect 0 env LD_PRELOAD="$library" SEGREG_DEFER_REGISTRY="$registry" SEGREG_DEFER_BASE="$base" "$@"
}

library=$shim registry=$dir/no-registry
touch 1 2 3
lonely rm 1 2 3
[ "$(wc -l <"$dir/err")" -eq 1 ] || fail "not one line"
complains "segctl defer: "
complains "$dir/no-registry"
[ -z "$(ls)" ] || fail "not deleted: $(ls)"
mkdir "$dir/alone"
cp "$shim" "$dir/alone/"
library=$dir/alone/libsegreg-defer.so registry=$SEGREG_REGISTRY
touch 1 2
lonely rm 1 2
if grep -q "deletions are not deferred" "$dir/err"; then
	[ "$(wc -l <"$dir/err")" -eq 1 ] || fail "not one line"
	[ -z "$(ls)" ] || fail "not deleted: $(ls)"
	ok "without a registry or a libsegreg.so, the program deletes, and one line says so"
else
	skipped "libsegreg.so is installed on this machine, so it is found"
fi
soname=libsegreg.so.0
echo 'int segreg_open;' | ${CC:-cc} -shared -fPIC -x c - -Wl,-soname,$soname -o "$dir/alone/$soname" || fail "cc"
touch 1 2
lonely rm 1 2
[ "$(wc -l <"$dir/err")" -eq 1 ] && complains "has no segreg_"
[ -z "$(ls)" ] || fail "not deleted: $(ls)"
library=$shim
touch 1
expect 0 env LD_PRELOAD="$shim" rm 1
[ ! -s "$dir/err" ] && [ ! -e 1 ] || fail "the library does something without its environment"
expect 0 "$segctl" init -s 2 -B "$dir/alone" "$dir/small"
export SEGREG_REGISTRY=$dir/small
cd "$dir/alone" || exit 1
touch 1 2 3 4
expect 0 "$segctl" hold -- sh -c "'$segctl' defer -- sh -c 'rm 1 2 3 4; ! ls 1'"
ok "with another libsegreg, or in a full registry, the program goes on"
