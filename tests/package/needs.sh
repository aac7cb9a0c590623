#!/usr/bin/env bash
# What make says where packages are missing, that it waits for another apt, and that a failed build installs nothing.
# apt, dpkg and the compiler are replaced by scripts in a directory of this test's own.
. "$(dirname "$0")/../cli/lib.sh"

tools=$dir/tools
mkdir "$tools"
cd "$root" || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL # make check runs this

# tool NAME: a script in the place of a program; its text is stdin.
tool() {
	{ echo '#!/bin/sh'; cat; } >"$tools/$1"
	chmod 755 "$tools/$1"
}

echo 'exit 1' | tool pkg-config
PATH=$tools:$PATH expect 2 make --no-print-directory BUILD="$dir/none" CPPFLAGS= CFLAGS=
complains "liblmdb-dev libsmartcols-dev libncurses-dev libsystemd-dev"
complains "apt-get install"
[ ! -e "$dir/none/obj" ] || fail "it compiles without what it needs"
rm "$tools/pkg-config"
ok "make names the packages that are missing, and the command that installs them"

tool dpkg-query <<'TOOL'
exit 1
TOOL
tool sudo <<'TOOL'
exec "$@"
TOOL
tool sleep <<'TOOL'
exit 0
TOOL
tool apt-get <<TOOL
echo "\$*" >>"$dir/asked"
case "\$*" in
update*)
	[ "\$(grep -c update "$dir/asked")" -gt 3 ] && exit 0
	echo "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 1 (apt-get)"
	exit 100
	;;
esac
TOOL
printf 'group one\ngroup two\nother three\n' >"$dir/packages"
export SEGREG_PACKAGES=$dir/packages
PATH=$tools:$PATH expect 0 .packaging/deps group
says "waiting for another apt-get"
[ "$(grep -c ^update "$dir/asked")" -eq 4 ] || fail "it does not wait for the lock of the lists"
grep -q 'install .*DPkg::Lock::Timeout=[1-9].* one two' "$dir/asked" || fail "it does not wait for dpkg's lock"
ok "it waits for another apt"

tool apt-get <<'TOOL'
echo "E: Unable to locate package two"
exit 100
TOOL
PATH=$tools:$PATH expect 1 .packaging/deps group
complains "could not be installed: one two"
complains "Unable to locate package two"
ok "what cannot be installed is named, with apt's own words"
expect 1 .packaging/deps grope
complains "no group of packages: grope"
unset SEGREG_PACKAGES
ok "a group that the list does not have is refused"

# The last that is built fails: segctl.
tool compiler <<'TOOL'
case "$*" in
*daemon/segctl/segctl.c*) echo "segctl.c: broken" >&2; exit 1 ;;
esac
exec cc "$@"
TOOL
expect 2 make --no-print-directory -k BUILD="$dir/build" CC="$tools/compiler" CFLAGS=-O0 DESTDIR="$dir/stage" install
complains "segctl.c: broken"
[ ! -e "$dir/stage" ] || fail "a failed build installs $(find "$dir/stage" -type f | head -n 3)"
ok "a failed build installs nothing"

# A compiler of tomorrow warns of what is right today.
tool compiler <<'TOOL'
case "$*" in
*-Werror*) echo "a new warning is an error" >&2; exit 1 ;;
esac
exec cc "$@"
TOOL
expect 0 make --no-print-directory BUILD="$dir/other" CC="$tools/compiler" CFLAGS=-O0 WERROR= \
	"$dir/other/obj/lib/sys/sr_error.o"
ok "warnings are errors for developers only"
