#!/usr/bin/env bash
# init, register, retire, ls, show, stats.
. "$(dirname "$0")/lib.sh"

mkdir "$base" "$dir/elsewhere"
expect 66 "$segctl" ls -r "$dir/registry"
expect 0 "$segctl" init --base "$base" --max-segments 100 --max-lanes 20 "$dir/registry"
says "Created"
says "below $base"
says "100 segments and 20 handles"
expect 0 "$segctl" -r "$dir/registry" init
says "already"
expect 0 "$segctl" init --base "$dir/elsewhere/../data" --max-lanes 20 "$dir/registry"
expect 73 "$segctl" init --base "$dir/elsewhere" "$dir/registry"
complains "$base"
expect 73 "$segctl" init --max-segments 7 "$dir/registry"
expect 66 "$segctl" init --base "$dir/nonexistent" "$dir/other"
expect 73 "$segctl" init --base "$base" "$dir/other"
expect 0 "$segctl" init --adopt "$dir/registry"
says "Adopted"
expect 66 "$segctl" init --adopt "$dir/nonexistent"
ok "init creates, keeps what is as asked for, and adopts"

export SEGREG_REGISTRY=$dir/registry
mkdir -p "$base/2026/seg-1" "$base/2026/seg-2"
echo text >"$base/file"
expect 0 "$segctl" register 1 2026/seg-1
is_silent
expect 0 "$segctl" register 1 2026/seg-1
expect 0 "$segctl" register 0xff file
expect 73 "$segctl" register 1 2026/seg-2
expect 73 "$segctl" register 2 2026
expect 66 "$segctl" register 2 2026/seg-3
expect 65 "$segctl" register 2 "$base/2026/seg-2"
expect 65 "$segctl" register 2 ../elsewhere
expect 0 "$segctl" register 18446744073709551614 2026/seg-2
ok "register"

expect 66 "$segctl" retire 1 2
complains "2"
[ "$(column 1 STATE)" = live ] || fail "a retirement that failed retired something"
expect 0 "$segctl" retire 1 255 1
is_silent
[ "$(column 1 STATE) $(column 255 STATE)" = "pending pending" ] || fail "not retired"
[ "$(column 1 GONE)" = "$(column 255 GONE)" ] || fail "two retirements of one command have two versions"
ok "retire is all or nothing"

expect 0 "$segctl" ls
[ "$(awk '{ printf "%s ", $1 }' "$dir/out")" = "ID 1 255 18446744073709551614 " ] || fail "ls is not in order"
expect 0 "$segctl" ls --noheadings --state live -o ID,PATH,TYPE,PINS
[ "$(tr -s ' ' <"$dir/out")" = "18446744073709551614 2026/seg-2 dir 0" ] || fail "ls --state live"
expect 0 "$segctl" ls --state deleting
is_silent
expect 0 "$segctl" ls -o +TYPE -s pending
says "TYPE"
says "PATH"
expect 0 "$segctl" ls --raw -n -o id,bytes,type -s pending
[ "$(sed -n 2p "$dir/out")" = "255 4096 file" ] || fail "ls --raw"
expect 0 "$segctl" ls -n --bytes -o BYTES -s live
[ "$(cat "$dir/out")" -eq "$(du -s --block-size=1 "$base/2026/seg-2" | cut -f 1)" ] ||
	fail "ls --bytes is not what du says"
ok "ls"

expect 0 "$segctl" show 255
says "State:         pending"
says "Path:          file"
says "Full path:     $base/file"
expect 0 "$segctl" show 255 -o PATH,ID --raw
[ "$(cat "$dir/out")" = "$(printf 'PATH file\nID 255')" ] || fail "show -o --raw"
expect 66 "$segctl" show 2
ok "show"

expect 0 "$segctl" stats
[ "$(head -n 1 "$dir/out")" = "Registry: 1 live, 2 pending deletion, 3 total" ] || fail "the line of stats"
grep -q '^Max lanes: *20$' "$dir/out" || fail "the figures of stats"
grep -q '^Sweeper: *no$' "$dir/out" || fail "stats sees a sweeper"
ok "stats"

for i in {1..19}; do
	mkdir "$base/$i" && "$segctl" register "$((1000 + i))" "$i" || fail "cannot register"
done
ln -s 2026 "$base/link"
expect 65 "$segctl" register 5000 link
ok "a symlink is EX_DATAERR"

# Where only the inode number is known. Unmounted before anything is judged.
mkdir "$dir/below" "$dir/fuse"
if bindfs "$dir/below" "$dir/fuse" 2>"$dir/bindfs"; then
	echo text >"$dir/fuse/file"
	"$segctl" init --base "$dir/fuse" "$dir/weak" >"$dir/init"
	"$segctl" -r "$dir/weak" register 1 file 2>"$dir/note"
	"$segctl" -r "$dir/weak" ls --noheadings -o WEAK >"$dir/column"
	umount "$dir/fuse"
	grep -q "only the inode number tells segment 1" "$dir/note" ||
		fail "register does not tell that nothing but the number is known"
	grep -q yes "$dir/column" || fail "ls does not tell that nothing but the number is known"
	ok "register and ls tell where only the inode number is known"
else
	reason="cannot mount by bindfs: $(head -1 "$dir/bindfs")"
	skipped "register and ls tell where only the inode number is known: $reason"
fi
