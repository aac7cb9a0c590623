#!/usr/bin/env bash
# root.sh BUILD - an installed copy works without the tree that it was built in. It runs in a root directory of its own.
# This has what make install put there, the libraries of others, and a program that was linked with the installed
# library.
set -eu
cd "$(dirname "$0")/../.."
unset MAKEFLAGS MAKELEVEL MFLAGS SEGREG_REGISTRY LD_LIBRARY_PATH
# make hands its settings on in the environment.
unset DESTDIR PREFIX BINDIR SBINDIR LIBDIR INCLUDEDIR PKGCONFIGDIR MANDIR UNITDIR SYSUSERSDIR TMPFILESDIR COMPLETIONDIR
unset ZSHCOMPLETIONDIR FISHCOMPLETIONDIR SHAREDIR DOCDIR

# Inside: root of a user namespace, with mounts and processes of its own that end with it.
if [ "$1" = --inside ]; then
	root=$2
	mount -t tmpfs tmpfs "$root/dev"
	mkdir "$root/dev/shm"
	touch "$root/dev/null"
	mount --bind /dev/null "$root/dev/null"
	mount -t proc proc "$root/proc"

	in_root() {
		local status=0

		TMPDIR=/tmp chroot "$root" "$@" >"$root/output" 2>&1 || status=$?
		[ "$status" -eq 0 ] || { cat "$root/output"; echo "FAILED with status $status: $*"; exit 1; }
	}

	in_root /usr/bin/segreg-demo --bin /usr/sbin --input /texts --seconds 5
	echo "ok the demo, with the installed library and the installed segregd"

	export SEGREG_REGISTRY=/registry
	in_root /usr/bin/segctl init --base /data
	mkdir "$root/data/one"
	echo text >"$root/data/one/file"
	in_root /usr/bin/segctl register 1 one
	in_root /usr/bin/segctl pin 1 -- /usr/bin/segctl retire 1
	[ -e "$root/data/one/file" ] || { echo "FAILED: it is deleted too early"; exit 1; }
	in_root /usr/bin/segctl why
	in_root /usr/sbin/segregd --once
	[ ! -e "$root/data/one" ] || { echo "FAILED: it is not deleted"; exit 1; }
	in_root /usr/bin/segctl stats
	grep -q '0 live, 0 pending' "$root/output" || { echo "FAILED: it is still known"; exit 1; }
	echo "ok the installed tools"
	exit 0
fi

build=$1
[ -z "${SAN_FLAGS-}" ] || { echo "skipped: nobody installs a build with a sanitizer"; exit 77; }
# shellcheck disable=SC2016
unshare --map-root-user --mount --pid --fork \
	sh -c 'mount -t tmpfs tmpfs /mnt && mount -t proc proc /proc && chroot / true' 2>/dev/null ||
	{ echo "skipped: no user namespace may be made here"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root

make -s "BUILD=$build" "DESTDIR=$root" PREFIX=/usr install >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
export PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_PATH=$root/usr/lib/pkgconfig
pkg-config --exists --print-errors segreg
# shellcheck disable=SC2046
"${CC:-cc}" -pthread -o "$root/usr/bin/segreg-demo" "$build"/obj/tests/demo/*.o $(pkg-config --libs segreg)

mkdir "$root/dev" "$root/proc" "$root/tmp" "$root/data" "$root/texts"
cp include/*.h lib/man/*.[37] "$root/texts/"
# What the loader needs, at the paths where it looks: libraries of others, and of ours only what was installed.
for program in bin/segctl bin/segreg-demo sbin/segregd; do
	LD_LIBRARY_PATH=$root/usr/lib ldd "$root/usr/$program"
done | grep -oE '/[^ ]+' | grep -vF "$root/" | sort -u | while read -r library; do
	install -D "$library" "$root$library"
done
unshare --map-root-user --mount --pid --fork bash "$0" --inside "$root"
