#!/usr/bin/env bash
# A registry that was copied: beside its original, in a snapshot of its file system.
. "$(dirname "$0")/lib.sh"

# The registry lies in base, as it does by default: a copy of base copies both.
mkdir "$base" || exit 1
export SEGREG_REGISTRY=$base/reg
expect 0 "$segctl" init
segment 1
segment 2

hold prod 1 # so the copied registry.lock names shared memory that is in use
cp -a "$base" "$dir/staging"
expect 78 "$segctl" -r "$dir/staging/reg" ls
complains "is a copy of the registry at $base/reg"
expect 78 "$segctl" -r "$dir/staging/reg" init --adopt
complains "$dir/staging/reg is a copy of the registry at $base/reg"
expect 78 "$segctl" -r "$dir/staging/reg" retire 1
expect 0 "$segctl" ls
is_there 1
is_there 2
ok "a copy beside its original is refused, adopted or not"

expect 0 "$segctl" -r "$dir/staging/reg" init --adopt --base "$dir/staging"
says "for segments below $dir/staging"
expect 0 "$segctl" ls # its shared memory is still there
end "$holder" TERM
expect 0 "$segctl" -r "$dir/staging/reg" retire 1 2
expect 0 "$segctl" -r "$dir/staging/reg" sweep
says "2 segments deleted"
[ ! -e "$dir/staging/1" ] && [ ! -e "$dir/staging/2" ] || fail "the clone has not deleted its own"
is_there 1
is_there 2
expect 0 "$segctl" -r "$dir/staging/reg" check
says "0 faults, 0 strangers"
expect 0 "$segctl" check
says "0 faults"
ok "a clone for staging has a base of its own, and its sweeps leave the original alone, which may be in use"

mkdir "$dir/other"
expect 73 "$segctl" -r "$dir/staging/reg" init --adopt --base "$base"
complains "is the base of another registry"
cp -a "$base/reg" "$dir/third"
ln -s "$base" "$dir/link"
trap 'umount "$dir/other" 2>/dev/null; clean_up' EXIT
mount --bind "$base" "$dir/other" 2>"$dir/err" && {
	expect 78 "$segctl" -r "$dir/third" init --adopt --base "$dir/other"
	complains "is a copy of the registry at $base/reg"
	umount "$dir/other"
}
expect 78 "$segctl" -r "$dir/third" init --adopt --base "$dir/link"
complains "is a copy of the registry at $base/reg"
rm -r "$dir/third"
is_there 1
ok "a base in use by another registry is not taken, by whatever path"

mv "$base" "$dir/elsewhere"
base=$dir/elsewhere
export SEGREG_REGISTRY=$base/reg
expect 66 "$segctl" ls
complains "segctl init --adopt --base DIR"
expect 0 "$segctl" init --adopt --base "$base"
expect 0 "$segctl" check
says "0 faults"
is_there 1
ok "a base that was moved, with the registry in it, goes on"

mv "$base/reg" "$dir/moved"
export SEGREG_REGISTRY=$dir/moved
expect 0 "$segctl" retire 2
expect 0 "$segctl" sweep
says "1 segment deleted"
cp -a "$dir/moved" "$base/reg"
rm -r "$dir/moved"
export SEGREG_REGISTRY=$base/reg
expect 78 "$segctl" ls
complains "segctl init --adopt"
expect 0 "$segctl" init --adopt
expect 0 "$segctl" ls
is_there 1
ok "a registry is moved with mv; one that was copied is adopted when the original is gone"

cp -al "$base" "$dir/linked"
expect 78 "$segctl" -r "$dir/linked/reg" init --adopt --base "$dir/linked"
complains "$dir/linked/reg/registry.lock has 2 names (hard links, as cp -al makes them)"
expect 0 "$segctl" ls
expect 78 "$segctl" -r "$dir/linked/reg" ls
complains "hard links"
for file in registry.lock registry.mdb; do
	(cd "$dir/linked/reg" && cp -a $file new && mv new $file) || exit 1 # as the error says
done
expect 0 "$segctl" ls
expect 0 "$segctl" -r "$dir/linked/reg" init --adopt --base "$dir/linked"
expect 0 "$segctl" -r "$dir/linked/reg" retire 1
expect 0 "$segctl" -r "$dir/linked/reg" sweep
[ ! -e "$dir/linked/1" ] || fail "the clone has not deleted its own"
is_there 1
ok "a copy by hard links is refused until it has files of its own; its segments may be hard links"

# Two registries, and the live segment y/s1 of the first: no adoption brings a sweep of another registry to it.
mkdir -p "$dir/two/d/data/y/s1" "$dir/two/e/data" "$dir/two/e/base/data/y/s1" "$dir/two/e/base/registry" || exit 1
two=$dir/two
d=$two/d/registry
expect 0 "$segctl" -r "$d" init --base "$two/d/data"
expect 0 "$segctl" -r "$d" register 1 y/s1
expect 0 "$segctl" -r "$two/e/registry" init --base "$two/e/data"
export SEGREG_REGISTRY=$d
hold user 1
cp -a "$d" "$two/dcopy"
for registry in "$two/dcopy" "$two/e/registry"; do
	expect 73 "$segctl" -r "$registry" init --adopt --base "$two/d/data/y"
	complains "$two/d/data/y cannot be a base: it lies in $two/d/data, the base of the registry at $d"
	expect 73 "$segctl" -r "$registry" init --adopt --base "$d"
	complains "$d cannot be a base: it is a registry"
done
echo x >"$two/e/base/registry/registry.mdb"
expect 0 "$segctl" -r "$two/e/reg" init --base "$two/e/base"
expect 0 "$segctl" -r "$two/e/reg" register 1 data/y/s1
expect 0 "$segctl" -r "$two/e/reg" register 2 registry/registry.mdb
expect 0 "$segctl" -r "$two/e/reg" init --adopt --base "$two/d"
expect 65 "$segctl" -r "$two/e/reg" check
says "another registry's base: no sweep deletes there"
expect 0 "$segctl" -r "$two/e/reg" retire 1 2
"$segctl" -r "$two/e/reg" sweep >"$dir/out" 2>"$dir/err" && fail "a sweep in another registry's base succeeds"
end "$holder" TERM
[ -d "$two/d/data/y/s1" ] && [ -s "$d/registry.mdb" ] || fail "an adopted registry has deleted what is another's"
expect 0 "$segctl" check
says "0 faults"
ok "no adoption brings a registry into the base or the directory of another one"

mkdir "$two/new"
expect 0 "$segctl" -r "$two/e/registry" init --adopt --base "$two/new"
[ ! -e "$two/e/data/.segreg" ] || fail "the base that was left has its marker"
expect 0 "$segctl" -r "$two/e/registry" init --adopt --base "$two/e/data"
ok "a base that its registry leaves is free for others, and for its return"

rm -r "$two/e/reg" "$two/d/.segreg" || exit 1
# A marker that a crash left in the base before, and a base that another registry took.
cp "$two/e/data/.segreg" "$two/marker"
expect 0 "$segctl" -r "$two/e/registry" init --adopt --base "$two/new"
cp "$two/marker" "$two/e/data/.segreg"
expect 73 "$segctl" -r "$two/e/registry" init --adopt --base "$two/e/data"
complains "an earlier base of the registry at $two/e/registry, which is this registry or an earlier one at its place"
complains "remove $two/e/data/.segreg"
rm "$two/e/data/.segreg"
expect 0 "$segctl" -r "$two/e/registry" init --adopt --base "$two/e/data"
mv "$d" "$two/hidden"
expect 0 "$segctl" -r "$two/taker" init --base "$two/d/data" --take-base
mv "$two/hidden" "$d"
for adopt in "ls" "init --adopt" "init --adopt --base"; do
	read -ra words <<<"$adopt"
	case $adopt in *--base) words+=("$two/d/data") ;; esac
	expect 78 "$segctl" "${words[@]}"
	complains "$two/d/data is the base of another registry now: of that at $two/taker, which is there"
	complains "segctl init --adopt --base DIR"
done
rm -r "$two/taker"
for adopt in "ls" "init --adopt" "init --adopt --base"; do
	read -ra words <<<"$adopt"
	case $adopt in *--base) words+=("$two/d/data") ;; esac
	expect 78 "$segctl" "${words[@]}"
	complains "of that at $two/taker, which is not there any more"
	complains "remove $two/d/data/.segreg and run segctl init --adopt"
done
rm "$two/d/data/.segreg"
expect 0 "$segctl" init --adopt
expect 0 "$segctl" check
mkdir "$two/d/data/z" "$d/sub"
expect 73 "$segctl" init --adopt --base "$two/d/data/z"
complains "the registry at $d, which is this registry or an earlier one at its place"
expect 73 "$segctl" -r "$two/taker" init --base "$d/sub"
complains "give a directory outside of it"
rmdir "$d/sub"
ok "a marker in the way is explained: whose it is, whether that stands, and what to do"

# The registry was on tmpfs: its directory is gone after a reboot, and base is on the disk.
base=$dir/disk-data
mkdir "$base" "$dir/run" || exit 1
export SEGREG_REGISTRY=$dir/run/reg
expect 0 "$segctl" init --base "$base" --take-base
segment 1
segment 2
segment 3
"$segctl" dump >"$dir/live.txt" || exit 1
expect 0 "$segctl" retire 3
expect 73 "$segctl" -r "$dir/run/second" init --base "$base" --take-base
complains "$base is the base of another registry: of that at $dir/run/reg, which is there"
[ ! -e "$dir/run/second" ] || fail "a refused init leaves its directory"
hold user 1
mv "$dir/run/reg" "$dir/run/hidden"
expect 75 "$segctl" init --base "$base" --take-base
complains "$base is in use by processes of the registry that was at $dir/run/reg"
end "$holder" TERM
rm -r "$dir/run/hidden"
expect 73 "$segctl" init --base "$base"
complains "segctl init --take-base --base $base"
mkdir "$base/lower"
expect 73 "$segctl" -r "$dir/run/second" init --base "$base/lower"
complains "remove $base/.segreg"
expect 0 "$segctl" init --base "$base" --take-base
says "does not know what is there already"
expect 0 "$segctl" sweep
expect 65 "$segctl" check --strangers
says "0 faults, 4 strangers"
expect 0 "$segctl" load "$dir/live.txt"
expect 0 "$segctl" sweep
expect 0 "$segctl" retire 3
is_there 1
is_there 2
is_there 3
ok "a base whose registry is gone is taken by a new one, which knows and deletes nothing of it"

if [ "$(id -u)" != 0 ] || ! truncate -s 16M "$dir/disk" || ! mkfs.ext4 -q "$dir/disk" ||
	! mkdir "$dir/prod" "$dir/snapshot" ||
	! mount -o loop "$dir/disk" "$dir/prod" 2>"$dir/err"; then
	skipped "a snapshot of a file system: needs root, mkfs.ext4 and a loop device"
	exit 0
fi
trap 'umount "$dir/snapshot" "$dir/prod" 2>/dev/null; clean_up' EXIT
base=$dir/prod
export SEGREG_REGISTRY=$base/reg
expect 0 "$segctl" init
segment 1
segment 2
sync -f "$base"
cp "$dir/disk" "$dir/copy"
mount -o loop "$dir/copy" "$dir/snapshot" || fail "the snapshot cannot be mounted"
[ "$(stat -c %i "$dir/snapshot/reg/registry.lock")" = "$(stat -c %i "$base/reg/registry.lock")" ] || fail "no snapshot"
expect 78 "$segctl" -r "$dir/snapshot/reg" ls
complains "$dir/snapshot/reg is a copy of the registry at $base/reg"
expect 78 "$segctl" -r "$dir/snapshot/reg" init --adopt
is_there 1
expect 0 "$segctl" retire 1
expect 0 "$segctl" sweep
umount "$dir/snapshot"
umount "$base"
mount -o loop "$dir/copy" "$base" || fail "the snapshot cannot be mounted"
expect 0 "$segctl" ls
says "live"
expect 0 "$segctl" check
is_there 1
ok "a snapshot beside its file system is refused, though it has the same inode numbers; in its place it goes on"
