#!/usr/bin/env bash
# backup and restore: all that a segment can have is kept; a kill or a failing call at any point costs nothing.
. "$(dirname "$0")/lib.sh"

export segctl base
build_tracer
command -v python3 >/dev/null || {
	skipped "metadata, kills and failing calls: no python3 to compare trees"
	exit 0
}

# picture TREE: what there is in it, an entry a line: names, types, owners, modes, times, links, attributes and holes.
picture() {
	python3 - "$1" <<'END'
import os, stat, sys
top, first = os.fsencode(sys.argv[1]), {}
def show(path, name):
    st = os.lstat(path)
    kind = stat.S_IFMT(st.st_mode)
    twin = first.setdefault((st.st_dev, st.st_ino), name)
    fields = [name, kind, oct(st.st_mode), st.st_uid, st.st_gid, st.st_mtime_ns, twin]
    if kind == stat.S_IFREG:
        with open(path, "rb") as file:
            fields += [st.st_size, hash(file.read()), st.st_blocks * 512 < st.st_size]
    if kind == stat.S_IFLNK:
        fields.append(os.readlink(path))
    else:
        fields.append(st.st_rdev)
    if kind in (stat.S_IFREG, stat.S_IFDIR):
        fields += [(key, os.getxattr(path, key)) for key in sorted(os.listxattr(path))]
    print(*fields)
    return kind == stat.S_IFDIR
def walk(dir, prefix):
    for name in sorted(os.listdir(dir)):
        if show(dir + b"/" + name, prefix + name):
            walk(dir + b"/" + name, prefix + name + b"/")
if show(top, b"."):
    walk(top, b"")
END
}
export PYTHONHASHSEED=0

# is_equal ONE OTHER: two trees have the same picture.
is_equal() {
	picture "$1" >"$dir/one" || fail "no picture of $1"
	picture "$2" >"$dir/other" || fail "no picture of $2"
	cmp -s "$dir/one" "$dir/other" || fail "$1 and $2 differ: $(diff "$dir/one" "$dir/other")"
}

# another: an empty registry, $dir/registry2 for $dir/base2.
another() {
	rm -rf "$dir/base2" "$dir/registry2"
	mkdir "$dir/base2"
	expect 0 "$segctl" init -r "$dir/registry2" --base "$dir/base2"
}

new_registry
mkdir -p "$base/in/1" "$base/2"
python3 - "$base/in/1" <<'END' || fail "cannot make the canaries"
import os, struct, sys
os.chdir(sys.argv[1])
def make(name, text=b"x"):
    with open(name, "wb") as file: file.write(text)
    return name
make("n" * 255)
make("line\nand \x1b[31mcolour")
make(b"\xff\xfe")
make("large", os.urandom(3 << 20))
make("twin"); os.link("twin", "twin2"); os.mkdir("sub"); os.link("twin", "sub/twin3")
os.symlink("/etc/passwd", "out"); os.symlink("nowhere", "dangling"); os.symlink("..", "sub/up")
os.mkfifo("fifo", 0o640)
os.mkdir("readonly"); make("readonly/file"); os.chmod("readonly", 0o555)
with open("sparse", "wb") as file:
    file.seek(1 << 20); file.write(b"data" * 1024); file.truncate(8 << 20)
with open("hole", "wb") as file: file.truncate(1 << 20)
os.chmod(make("mode"), 0o6741)
def acl(*entries):
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
NONE = 0xffffffff
for name, value, where in (
        ("user.canary", b"\0bytes\xff", (make("attribute"), "sub")),
        ("system.posix_acl_access", acl((1, 6, NONE), (2, 4, 12345), (4, 4, NONE), (16, 6, NONE), (32, 0, NONE)),
         (make("acl"),)),
        ("system.posix_acl_default", acl((1, 7, NONE), (2, 5, 54321), (4, 5, NONE), (16, 7, NONE), (32, 0, NONE)),
         ("sub",))):
    for path in where:
        try: os.setxattr(path, name, value)
        except OSError as error: print("skipped", name + ":", error.strerror)
if os.geteuid() == 0:
    os.mknod("null", 0o20640, os.makedev(1, 3))
    os.chown("mode", 123, 456); os.chmod("mode", 0o6741)
    os.lchown("out", 7, 8)
for at, name in enumerate(sorted(os.listdir(b"."))):
    os.utime(name, ns=(1, 1000000007 * (at + 1)), follow_symlinks=False)
os.utime(".", ns=(1, 4242424242424242))
END
head -c 100000 /dev/urandom >"$base/in/file"
expect 0 "$segctl" register 1 in/1
expect 0 "$segctl" register 2 2
expect 0 "$segctl" register 3 in/file
expect 0 "$segctl" backup "$dir/backup"
is_equal "$base/in/1" "$dir/backup/segments"/1.*
is_equal "$base/in/file" "$dir/backup/segments"/3.*
another
expect 0 "$segctl" restore -r "$dir/registry2" "$dir/backup"
is_equal "$base/in/1" "$dir/base2/in/1"
is_equal "$base/in/file" "$dir/base2/in/file"
ok "names, links, fifos, devices, holes, owners, modes, times, attributes and ACLs are kept"

mkdir "$dir/inherits"
if python3 -c 'import os, struct, sys
os.setxattr(sys.argv[1], "system.posix_acl_default", struct.pack("<IHHIHHIHHIHHIHHI", 2, 1, 7, 2**32 - 1,
            2, 7, 4711, 4, 7, 2**32 - 1, 16, 7, 2**32 - 1, 32, 7, 2**32 - 1))' "$dir/inherits" 2>"$dir/err"; then
	expect 0 "$segctl" backup "$dir/inherits/backup"
	is_equal "$base/in/1" "$dir/inherits/backup/segments"/1.*
	ok "a copy inherits no ACL of the directories above"
else
	skipped "a copy inherits no ACL: this file system has none"
fi

python3 - "$base/2" <<'END' || fail "cannot go down"
import os, sys
os.chdir(sys.argv[1])
for i in range(1200):
    os.mkdir("deep"); os.chdir("deep")
    if i % 100 == 0:
        with open("file", "w") as file: file.write("%d" % i)
END
(
	ulimit -n 128
	expect 0 "$segctl" backup "$dir/deep"
	another
	expect 0 "$segctl" restore -r "$dir/registry2" "$dir/deep"
) || exit 1
count=$(find "$dir/base2/2" -name file | wc -l)
[ "$count" -eq 12 ] || fail "$count files came from the depth"
expect 0 "$segctl" retire 2
expect 0 "$segctl" backup "$dir/deep"
says "1 removed"
expect 0 "$segctl" sweep
ok "a tree that is deeper than any path, and than there are descriptors, is copied, restored and removed"

# ------------------------------------------------------------------ hard links to another backup

expect 0 "$segctl" backup "$dir/monday"
segment 4
expect 0 "$segctl" backup --dry-run --link "$dir/monday" "$dir/tuesday"
says "would link 1 in/1"
[ ! -e "$dir/tuesday" ] || fail "a dry run has made it"
expect 0 "$segctl" backup --link "$dir/monday" "$dir/tuesday"
says "1 segment copied (8.0 KiB), 2 linked, 0 there already, 0 removed"
for name in large sub/twin3 readonly/file; do
	[ "$dir/monday/segments/"1.*/$name -ef "$dir/tuesday/segments/"1.*/$name ] || fail "$name was copied"
done
[ ! "$base/in/1/large" -ef "$dir/tuesday/segments/"1.*/large ] || fail "a backup is linked to the segment itself"
is_equal "$base/in/1" "$dir/tuesday/segments"/1.*
is_equal "$base/in/file" "$dir/tuesday/segments"/3.*
rm -rf "$dir/monday"
another
expect 0 "$segctl" restore -r "$dir/registry2" "$dir/tuesday"
is_equal "$base/in/1" "$dir/base2/in/1"
expect 64 "$segctl" backup --link "$dir/tuesday" "$dir/tuesday"
complains "is this backup"
expect 66 "$segctl" backup --link "$dir/base2" "$dir/wednesday"
expect 73 "$segctl" backup -r "$dir/registry2" --link "$dir/tuesday" "$dir/wednesday"
complains "of another registry"
rm -rf "$dir/wednesday"
ok "what another backup has is linked to it, and stays when that is removed"

if [ "$(id -u)" = 0 ] && mkdir "$dir/small" && mount -t tmpfs -o size=20M tmpfs "$dir/small" 2>"$dir/err"; then
	trap 'umount "$dir/small"; clean_up' EXIT
	expect 73 "$segctl" backup --link "$dir/tuesday" "$dir/small/backup"
	complains "two file systems"
	expect 0 "$segctl" backup "$dir/small/backup"
	picture "$base/in/1" | cut -d' ' -f1-7 >"$dir/one"
	picture "$dir/small/backup/segments/"1.* | cut -d' ' -f1-7 >"$dir/other"
	cmp "$dir/one" "$dir/other" || fail "a copy on another file system differs"
	expect 0 "$segctl" retire 4
	expect 0 "$segctl" backup "$dir/small/backup"
	mount -o bind "$dir/base2" "$base/in/1/sub" || fail "cannot mount"
	rm -rf "$dir/small/backup"
	expect 0 "$segctl" backup "$dir/small/backup"
	umount "$base/in/1/sub"
	[ -e "$dir/small/backup/segments/"1.*/sub/in/file ] || fail "what is mounted in a segment was left out"
	rm -rf "$dir/small/backup"
	ok "on another file system it copies, and says so when asked for links"
else
	skipped "two file systems: needs root, to mount one"
fi

# ------------------------------------------------------------------ what cannot be read

# theirs VERB...: segctl as another user, whose registry is $dir/theirs/registry.
theirs() {
	setpriv --reuid 65534 --regid 65534 --clear-groups "$segctl" "$1" -r "$dir/theirs/registry" "${@:2}"
}

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	chmod 755 "$dir"
	mkdir -p "$dir/theirs/data"/{1,2,3} && chown -R 65534:65534 "$dir/theirs"
	expect 0 theirs init --base "$dir/theirs/data"
	for id in 1 2 3; do
		echo $id >"$dir/theirs/data/$id/file"
		expect 0 theirs register $id $id
	done
	chmod 600 "$dir/theirs/data/1/file"
	expect 74 theirs backup "$dir/theirs/backup"
	complains "cannot open $dir/theirs/data/1/file: Permission denied"
	[ -d "$dir/theirs/backup/segments/"2.* ] || fail "the segments behind it were not copied"
	[ ! -e "$dir/theirs/backup/live.txt" ] || fail "half a backup is listed"
	chmod 644 "$dir/theirs/data/1/file"
	mknod "$dir/theirs/data/2/null" c 1 3
	rm -rf "$dir/theirs/backup/segments/"2.*
	expect 74 theirs backup "$dir/theirs/backup"
	complains "cannot make $dir/theirs/backup/segments/2.2.part/null: Operation not permitted"
	rm "$dir/theirs/data/2/null"
	chmod 6755 "$dir/theirs/data/3/file"
	chmod 555 "$dir/theirs/data/3"
	rm -rf "$dir/theirs/backup/segments"/*
	expect 0 theirs backup "$dir/theirs/backup"
	complains "could not keep the owner of $dir/theirs/data/1/file, nor 2 more"
	mode=$(stat -c %a "$dir/theirs/backup/segments/"3.*/file)
	[ "$mode" = 755 ] || fail "a copy lends the rights of its maker to all: $mode"
	expect 0 theirs retire 1 2 3
	expect 0 theirs backup "$dir/theirs/backup"
	says "3 removed"
	ok "what cannot be read or kept is named, and does not keep the rest from being copied"
else
	skipped "files of other users: needs root and setpriv"
fi

# ------------------------------------------------------------------ kills and failing calls

# first_call TEXT: the number of the first call in $dir/calls with TEXT. What opens the registry comes before it.
first_call() {
	grep -nF -- "$1" "$dir/calls" | head -n 1 | cut -d: -f1
}

# In the order of the calls: no copy gets its name before a sync that comes after all that was written to it.
while read -r id; do "$segctl" retire "$id"; done < <("$segctl" ls -s live -nRo ID)
expect 0 "$segctl" sweep
segment 7
segment 8
rm -rf "$dir/backup"
expect 0 "$tracer" log "$dir/calls" "$segctl" backup "$dir/backup"
awk '/openat data/ { dirty = 1; n++ } /^syncfs/ { dirty = 0 } /^renameat .*\.part/ && dirty { bad = 1 }
	END { exit bad || n < 2 }' "$dir/calls" || fail "a copy got its name before it was durable"
awk '/^renameat .*\.part/ { named = 1 } /^syncfs/ { named = 0 } /live.txt.part$/ && named { exit 1 }' "$dir/calls" ||
	fail "live.txt was written before the names of the copies were durable"
tail -n 2 "$dir/calls" | grep -q syncfs || fail "a list was not made durable"
another
at_backup=$(first_call .part)
expect 0 "$tracer" log "$dir/calls" "$segctl" restore -r "$dir/registry2" "$dir/backup"
awk '/openat data/ { dirty = 1; n++ } /^syncfs/ { dirty = 0 } /^renameat2/ && dirty { bad = 1 }
	END { exit bad || n < 2 }' \
	"$dir/calls" || fail "a copy got to its path before it was durable"
at_restore=$(first_call .segreg-restore)
syncs=$(grep -c syncfs "$dir/calls")
[ "$syncs" -eq 2 ] || fail "$syncs syncs for one batch"
mkdir "$dir/bin"
another
PATH=$dir/bin expect 0 "$segctl" restore -r "$dir/registry2" "$dir/backup"
PATH=$dir/bin expect 0 "$segctl" backup "$dir/backup"
ok "what has its name is durable, by one sync for many copies, and without another program"

# is_a_backup: the list of $dir/backup is whole, and all that is in it is equal to what it was copied from.
is_a_backup() {
	local id path

	tail -n 1 "$dir/backup/live.txt" | grep -q '^end ' || fail "the list is cut off"
	while read -r _ id _ path; do
		cmp -s "$dir/saved/$path/data" "$dir/backup/segments/$id".*/data || fail "segment $id is damaged, $1"
	done < <(grep ^segment "$dir/backup/live.txt")
}

# go_through WHAT N MODE...: call WHAT, a command whose Nth call is killed or fails, until it returns false: there are
# fewer than N calls. N grows by five: neighbours are alike, and another mode begins elsewhere.
go_through() {
	local what=$1 first=$2 n=$2
	shift 2

	while "$what" "$n" "$@"; do
		n=$((n + 5))
	done
	[ "$n" -gt $((first + 15)) ] || fail "only $n calls"
}

fill() {
	rm -rf "$dir/backup"
	cp -a "$dir/first" "$dir/backup"
}

# backup_hit N MODE...: false when there are fewer than N calls.
backup_hit() {
	local status n=$1
	shift

	fill
	# shellcheck disable=SC2086
	"$tracer" "$1" "$n" ${2-} "$segctl" backup "$dir/backup" >"$dir/out" 2>"$dir/err"
	status=$?
	[ $status -ne 99 ] || return 1
	is_a_backup "after $1 $n ${2-}"
	if [ "$1" = kill ]; then
		[ $status -eq 137 ] || fail "it ended with $status"
	elif [ $status -eq 0 ]; then
		grep -q '^segment 9 ' "$dir/backup/live.txt" || fail "it succeeds and has done nothing"
	else
		[ -s "$dir/err" ] || fail "it failed without a word, after $1 $n $2"
	fi
	expect 0 "$segctl" backup "$dir/backup"
	is_a_backup "after $1 $n ${2-} and one more"
	[ "$(grep -c ^segment "$dir/backup/live.txt")" -eq 3 ] || fail "the next one is not whole"
	[ "$(find "$dir/backup/segments" -mindepth 1 -maxdepth 1 | wc -l)" -eq 3 ] || fail "something is left over"
	return 0
}

rm -rf "$dir/first" "$dir/backup"
segment 6
expect 0 "$segctl" backup "$dir/first"
mkdir "$dir/saved"
cp -a "$base"/[678] "$dir/saved"
expect 0 "$segctl" retire 6
expect 0 "$segctl" sweep
segment 9
cp -a "$base/9" "$dir/saved"
go_through backup_hit $((at_backup - 1)) kill
ok "a backup that is killed at any point leaves the one before whole, and the next one completes it"
if [ "$(uname -m)" = x86_64 ]; then
	go_through backup_hit "$at_backup" fail 28
	go_through backup_hit $((at_backup + 2)) fail 5
	ok "so does a backup any of whose calls fails with ENOSPC or EIO, and it says so"
else
	skipped "failing calls: only for x86-64"
fi

# restore_hit N MODE... into a place where segment 7 is damaged and segment 8 is missing.
restore_hit() {
	local status n=$1 id
	shift

	another
	mkdir "$dir/base2/7"
	echo damaged >"$dir/base2/7/data"
	# shellcheck disable=SC2086
	"$tracer" "$1" "$n" ${2-} "$segctl" restore -r "$dir/registry2" --replace "$dir/backup" >"$dir/out" 2>"$dir/err"
	status=$?
	[ $status -ne 99 ] || return 1
	[ "$1" = fail ] || [ $status -eq 137 ] || fail "it ended with $status"
	[ "$1" = kill ] || [ $status -eq 0 ] || [ -s "$dir/err" ] || fail "it failed without a word, after $1 $n $2"
	for id in 8 9; do
		[ ! -e "$dir/base2/$id" ] || cmp "$base/$id/data" "$dir/base2/$id/data" || fail "half of $id, $1 $n"
	done
	expect 0 "$segctl" restore -r "$dir/registry2" --replace "$dir/backup"
	for id in 7 8 9; do
		is_equal "$base/$id" "$dir/base2/$id"
	done
	expect 0 "$segctl" check -r "$dir/registry2"
	says "0 faults, 0 strangers"
	return 0
}

go_through restore_hit "$at_restore" kill
[ "$(uname -m)" != x86_64 ] || go_through restore_hit $((at_restore + 2)) fail 28
ok "a restoration that is killed or fails at any point leaves no half segment, and the next one completes it"

# ------------------------------------------------------------------ over a damaged place

export SEGREG_REGISTRY=$dir/registry2
rm -rf "$dir/base2/8"
echo damaged >"$dir/base2/9/data"
inode=$(stat -c %i "$dir/base2/7")
expect 73 "$segctl" restore "$dir/backup"
complains "segment 8 8 is live, and its files are missing; --replace restores them"
expect 0 "$segctl" restore --replace --dry-run "$dir/backup"
says "would replace 8 8"
says "would replace 9 9"
says "2 segments would be registered, 1 there already"
[ ! -e "$dir/base2/8" ] || fail "a dry run has done something"
expect 64 "$segctl" restore --replace --keep "$dir/backup"
"$segctl" pin 9 -- sleep 1000 &
children+=($!)
pinned() {
	[ "$(column 9 PINS)" = 1 ]
}
eventually pinned
expect 75 "$segctl" restore --replace "$dir/backup"
complains "is held, so it cannot be replaced"
cmp -s "$base/9/data" "$dir/base2/9/data" && fail "it was replaced below its reader"
kill "${children[-1]}"
wait "${children[-1]}" 2>/dev/null
unset "children[-1]"
expect 0 "$segctl" restore --replace "$dir/backup"
for id in 7 8 9; do
	is_equal "$base/$id" "$dir/base2/$id"
done
[ "$(stat -c %i "$dir/base2/7")" = "$inode" ] || fail "what was whole was copied again"
cp -a "$dir/base2/7" "$dir/base2/other"
rm -rf "$dir/base2/7"
mv "$dir/base2/other" "$dir/base2/7"
expect 0 "$segctl" restore --replace "$dir/backup"
expect 0 "$segctl" check
says "0 faults, 0 strangers"
[ ! -e "$dir/base2/.segreg-restore" ] || fail "something is left over"
ok "over a damaged place, --replace puts copies where something is missing or differs, and no reader loses any"

another
unset SEGREG_REGISTRY
mkdir "$dir/base2/way"
ln -s "$dir" "$dir/base2/out"
cp -a "$dir/backup" "$dir/odd"
sed -i 's/^segment 8 dir 8$/segment 8 dir out\/base3/' "$dir/odd/live.txt"
expect 65 "$segctl" restore -r "$dir/registry2" --replace "$dir/odd"
[ ! -e "$dir/base3" ] || fail "it followed a link out of base"
sed -i 's/^segment 8 dir .*$/segment 8 dir .segreg/' "$dir/odd/live.txt"
expect 65 "$segctl" restore -r "$dir/registry2" --replace "$dir/odd"
grep -q '^segreg base' "$dir/base2/.segreg" || fail "it replaced the marker of base"
ln -s nowhere "$dir/base2/8"
expect 0 "$segctl" restore -r "$dir/registry2" --replace "$dir/backup"
is_equal "$base/8" "$dir/base2/8"
ok "no link leads a restoration out of base"
