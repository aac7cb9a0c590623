#!/usr/bin/env bash
# A registry that was copied: beside its original, in a snapshot of its file system.
. "$(dirname "$0")/lib.sh"

# The registry lies in base, as it does by default: a copy of base copies both.
mkdir "$base" || exit 1
export SEGREG_REGISTRY=$base/reg
expect 0 "$segctl" init
segment 1
segment 2

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

if [ "$(id -u)" != 0 ] || ! truncate -s 16M "$dir/disk" || ! mkfs.ext4 -q "$dir/disk" || ! mkdir "$dir/prod" "$dir/snapshot" ||
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
