#!/usr/bin/env bash
# backup and restore: one state of the registry, whole, whatever happens meanwhile.
. "$(dirname "$0")/lib.sh"

export segctl base MEANWHILE=$dir/meanwhile
build_tracer

# meanwhile STATUS TEXT COMMAND...: a command, during which the script $MEANWHILE runs once, before the first system
# call whose line of the tracer has TEXT. In it $VICTIM is the pid of the command.
meanwhile() {
	local status=$1 text=$2
	shift 2
	expect "$status" "$tracer" at "$text" "$MEANWHILE" "$@"
}

# same_as PLACE: the segments that are listed in $dir/backup are those there.
same_as() {
	local id type path

	while read -r _ id type path; do
		diff -r "$1/$path" "$dir/backup/segments/$id".* || fail "segment $id ($type) differs"
	done < <(grep ^segment "$dir/backup/live.txt")
}

listed() {
	grep ^segment "$dir/backup/live.txt" | cut -d' ' -f2 | paste -sd' '
}

restore_elsewhere() {
	rm -rf "$dir/base2" "$dir/registry2"
	mkdir "$dir/base2"
	expect 0 "$segctl" init -r "$dir/registry2" --base "$dir/base2"
	expect 0 "$segctl" restore -r "$dir/registry2" "$dir/backup"
	same_as "$dir/base2"
	expect 0 "$segctl" check -r "$dir/registry2"
	says "0 faults, 0 strangers"
}

new_registry
for id in 1 2 3; do
	segment $id 40
done
mkdir -p "$base/deep/er"
echo one >"$base/deep/er/file"
ln -s data "$base/1/link"
ln "$base/1/data" "$base/1/second"
chmod 750 "$base/2"
expect 0 "$segctl" register 4 deep/er/file

expect 0 "$segctl" backup --dry-run "$dir/backup"
says "4 segments would be copied"
[ ! -e "$dir/backup" ] || fail "a dry run has made it"
expect 0 "$segctl" backup "$dir/backup"
says "4 segments copied"
same_as "$base"
[ "$(stat -c %a "$dir/backup/segments"/2.*)" = 750 ] || fail "permissions were lost"
[ "$(stat -c %h "$dir/backup/segments"/1.*/data)" = 2 ] || fail "a second name became a second file"
restore_elsewhere
[ -L "$dir/base2/1/link" ] || fail "a symbolic link was lost"
ok "what is live is copied, and restored elsewhere"

expect 0 script -qec "'$segctl' backup '$dir/shown'" /dev/null
size=$(sed -n 's/.*4 segments copied (\([0-9]* KiB\)).*/\1/p' "$dir/out") # directories in memory have none
says "0 of 4 segments, 0 B of ${size:?}"
echo 'sleep 0.2' >"$MEANWHILE" # longer than the time between two lines
expect 0 script -qec "'$tracer' at 'openat data' '$MEANWHILE' '$segctl' backup '$dir/slow'" /dev/null
grep -qE "of $size, [0-9.]+ [KM]?i?B/s, [0-9]+s left" "$dir/out" || fail "neither rate nor remainder is shown"
expect 0 "$segctl" backup "$dir/unseen"
is_said=$(cat "$dir/out" "$dir/err")
[ "$is_said" = "4 segments copied ($size), 0 there already, 0 removed; version 4" ] ||
	fail "it shows more than that: $is_said"
ok "how far it has come is shown on a terminal, and nowhere else"

expect 0 "$segctl" retire 2
segment 5
before=$(find "$dir/backup" | sort)
expect 0 "$segctl" backup -n "$dir/backup"
says "would copy 5 5"
size=$(sed -n 's/^1 segment would be copied (\([0-9.]* KiB\)).*/\1/p' "$dir/out")
says "1 segment would be copied ($size), 3 there already, 1 would be removed"
[ "$(find "$dir/backup" | sort)" = "$before" ] || fail "a dry run has changed it"
inode=$(stat -c %i "$dir/backup/segments"/1.*)
expect 0 "$segctl" backup "$dir/backup"
says "1 segment copied ($size), 3 there already, 1 removed"
[ "$(stat -c %i "$dir/backup/segments"/1.*)" = "$inode" ] || fail "what was there was copied again"
[ "$(listed)" = "1 3 4 5" ] || fail "wrong: $(listed)"
restore_elsewhere
ok "the next one copies what is new, and removes what is not live any more"

expect 0 "$segctl" retire 3
cat >"$MEANWHILE" <<'EOF'
"$segctl" retire 1 4
"$segctl" sweep >"$MEANWHILE.swept"
EOF
rm -r "$dir/backup"
meanwhile 0 .part "$segctl" backup "$dir/backup"
grep -q "2 held" "$MEANWHILE.swept" || fail "nothing was held while it copied"
[ "$(listed)" = "1 4 5" ] || fail "wrong: $(listed)"
restore_elsewhere
expect 0 "$segctl" sweep
says "2 segments deleted"
ok "nothing of it is deleted while it is copied, and nothing is held after that"

expect 0 "$segctl" backup "$dir/backup"
segment 6
segment 7
echo 'kill -9 $VICTIM' >"$MEANWHILE"
"$tracer" at "openat data" "$MEANWHILE" "$segctl" backup "$dir/backup"
[ $? -eq 137 ] || fail "it was not killed"
[ -n "$(find "$dir/backup" -name '*.part')" ] || fail "it was killed before it had begun"
[ "$(listed)" = 5 ] || fail "wrong: $(listed)"
restore_elsewhere
expect 0 "$segctl" backup "$dir/backup"
[ "$(listed)" = "5 6 7" ] || fail "wrong: $(listed)"
same_as "$base"
[ -z "$(find "$dir/backup" -name '*.part')" ] || fail "something is left over"
restore_elsewhere
ok "one that is killed leaves the one before, and the next one goes on with it"

mkdir "$dir/backup/segments/5.1" "$dir/backup/segments/5.99999"
rm -rf "$dir/base2" "$dir/registry2"
mkdir "$dir/base2"
expect 0 "$segctl" init -r "$dir/registry2" --base "$dir/base2"
expect 0 "$segctl" restore -r "$dir/registry2" "$dir/backup"
diff -r "$base/5" "$dir/base2/5" || fail "another segment of that id was restored"
expect 0 "$segctl" backup "$dir/backup"
says "2 removed"
ok "where an id was used again, the one that is listed is restored"

segment 8
echo '"$segctl" evict $VICTIM >/dev/null; "$segctl" retire 8; "$segctl" sweep >/dev/null' >"$MEANWHILE"
meanwhile 75 "openat data" "$segctl" backup "$dir/backup"
complains "taken away"
segment 9
echo '"$segctl" evict $VICTIM >/dev/null' >"$MEANWHILE"
meanwhile 75 syncfs "$segctl" backup "$dir/backup"
complains "taken away"
[ "$(listed)" = "5 6 7" ] || fail "wrong: $(listed)"
[ -z "$(find "$dir/backup/segments" -name '8.*' ! -name '*.part')" ] || fail "half a segment has got its name"
ok "one that is evicted lists nothing that may not be whole"

segment 10
echo '"$segctl" backup "'"$dir/backup"'" 2>"$MEANWHILE.err"; echo $? >"$MEANWHILE.status"' >"$MEANWHILE"
meanwhile 0 .part "$segctl" backup "$dir/backup"
[ "$(cat "$MEANWHILE.status")" = 75 ] || fail "two at once"
expect 64 "$segctl" backup
expect 64 "$segctl" restore
for place in "$base" "$base/10/backup" "$base/new"; do
	expect 73 "$segctl" backup "$place"
	complains "below the base directory"
done
[ ! -e "$base/10/backup" ] && [ ! -e "$base/new" ] || fail "something was made below base"
expect 73 "$segctl" backup -r "$dir/registry2" "$dir/backup"
complains "of another registry"
expect 66 "$segctl" backup "$dir/backup/segreg-backup"
expect 66 "$segctl" restore "$dir"
ok "what is not this registry's backup is left alone"

rm -rf "$dir/base2" "$dir/registry2"
mkdir "$dir/base2" "$dir/base2/6"
expect 0 "$segctl" init -r "$dir/registry2" --base "$dir/base2"
expect 73 "$segctl" restore -r "$dir/registry2" "$dir/backup"
complains "--keep takes it as the segment"
[ "$(ls "$dir/base2")" = 6 ] || fail "something was done"
expect 0 "$segctl" restore -r "$dir/registry2" --dry-run --keep "$dir/backup"
says "would register 5 5"
[ "$(ls "$dir/base2")" = 6 ] || fail "a dry run has done something"
expect 0 "$segctl" restore -r "$dir/registry2" --keep "$dir/backup"
says "5 segments registered, 0 there already"
expect 0 "$segctl" restore -r "$dir/registry2" "$dir/backup"
says "0 segments registered, 5 there already"
rm -rf "$dir/base2" "$dir/registry2"
mkdir "$dir/base2"
expect 0 "$segctl" init -r "$dir/registry2" --base "$dir/base2"
echo '"$segctl" restore -r "'"$dir/registry2"'" "'"$dir/backup"'" 2>"$MEANWHILE.err"
echo $? >"$MEANWHILE.status"' >"$MEANWHILE"
meanwhile 0 .segreg-restore "$segctl" restore -r "$dir/registry2" "$dir/backup"
[ "$(cat "$MEANWHILE.status")" = 75 ] || fail "two at once"
same_as "$dir/base2"
mv "$dir/backup/segments"/5.* "$dir/away"
rm -rf "$dir/base2" "$dir/registry2"
mkdir "$dir/base2"
expect 0 "$segctl" init -r "$dir/registry2" --base "$dir/base2"
expect 65 "$segctl" restore -r "$dir/registry2" "$dir/backup"
complains "segment 5 5 is listed"
[ -z "$(ls "$dir/base2")" ] || fail "something was done"
ok "what speaks against a restoration is said first, and nothing is done then"

# refuses_list PATH WHY: a backup with one segment, listed at PATH. Files that were written outside base would lie in
# $dir/out-of-base.
refuses_list() {
	printf 'segreg dump 1\nversion 1\nsegment 1 dir %s\nend 1\n' "$1" >"$dir/damaged/live.txt"
	expect 65 "$segctl" restore -r "$dir/registry2" "$dir/damaged"
	complains "$2"
	[ ! -e "$dir/out-of-base" ] || fail "$1 led out of base"
	[ "$(ls -A "$dir/base2")" = "$was" ] || fail "something was done"
}

mkdir -p "$dir/damaged/segments/1.1" "$dir/elsewhere"
ln -s "$dir/elsewhere" "$dir/base2/way"
was=$(ls -A "$dir/base2")
refuses_list ../out-of-base 'it has a component ".."'
refuses_list "${dir// /\\x20}/out-of-base" 'it is absolute'
refuses_list way/out-of-base 'leads through a symbolic link'
refuses_list .segreg-trash/1 'segreg'
rm -r "$dir/damaged/segments/1.1"
ln -s "$dir/elsewhere" "$dir/damaged/segments/1.1"
refuses_list 1 'is no directory'
[ -z "$(ls "$dir/elsewhere")" ] || fail "it went through a link"
ok "a backup whose list was damaged leads nowhere but below base"

if [ "$(id -u)" != 0 ] || ! mkdir "$dir/small" || ! mount -t tmpfs -o size=200k tmpfs "$dir/small" 2>"$dir/err"; then
	skipped "a full disk: needs root, to mount one"
	exit 0
fi
trap 'umount "$dir/small"; clean_up' EXIT
expect 0 "$segctl" retire 5 6 7 9 10
expect 0 "$segctl" sweep
segment 20 50
expect 0 "$segctl" backup "$dir/small/backup"
segment 21 300
expect 74 "$segctl" backup "$dir/small/backup"
complains "No space left"
grep -q '^segment 20 ' "$dir/small/backup/live.txt" || fail "what was there is not listed any more"
expect 0 "$segctl" retire 21
expect 0 "$segctl" backup "$dir/small/backup"
says "0 segments copied (0 B), 1 there already"
rm -r "$dir/small/backup"
dd if=/dev/zero of="$dir/small/fill" bs=4k 2>"$dir/err"
expect 73 "$segctl" backup "$dir/small"
complains "neither empty nor a backup"
mkdir "$dir/small/backup"
expect 73 "$segctl" backup "$dir/small/backup"
complains "No space left"
rm "$dir/small/fill"
expect 0 "$segctl" backup --dry-run "$dir/small/backup"
expect 0 "$segctl" backup "$dir/small/backup"
says "1 segment copied"
ok "a full disk leaves the one before, and the next one is not kept out by what was left"
