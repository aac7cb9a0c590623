#!/usr/bin/env bash
# install.sh BUILD - make install puts everything where its variables say, and make uninstall takes it away again.
# A program finds what was installed with pkg-config.
set -eu
cd "$(dirname "$0")/../.."
build=$1
[ -z "${SAN_FLAGS-}" ] || { echo "skipped: nobody installs a build with a sanitizer"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset MAKEFLAGS MAKELEVEL MFLAGS SEGREG_REGISTRY LD_LIBRARY_PATH
# make hands its settings on in the environment.
unset DESTDIR PREFIX BINDIR SBINDIR LIBDIR INCLUDEDIR PKGCONFIGDIR MANDIR UNITDIR SYSUSERSDIR TMPFILESDIR COMPLETIONDIR
unset ZSHCOMPLETIONDIR FISHCOMPLETIONDIR SHAREDIR DOCDIR

ok() {
	echo "ok $*"
}

fail() {
	echo "FAILED: $*"
	exit 1
}

# files ROOT: all that is not a directory, with its mode.
files() {
	(cd "$1" && find . ! -type d -printf '%M %P\n' | sort -k 2)
}

# make_in ROOT TARGET SETTING...: under a umask that would make unreadable files.
make_in() {
	local root=$1
	shift
	(umask 077 && make -s "BUILD=$build" "DESTDIR=$root" "$@") >"$scratch/log" 2>&1 ||
		{ cat "$scratch/log"; fail "make $*"; }
}

# lists ROOT FILE...: it has exactly these.
lists() {
	(cd "$1" && find . ! -type d -printf '%P\n' | sort) >"$scratch/found"
	shift
	printf '%s\n' "$@" | sort >"$scratch/wanted"
	diff -u "$scratch/wanted" "$scratch/found" || fail "the lists differ"
}

root="$scratch/a root"
make_in "$root" install
[ -z "$(find "$root/usr" -type d ! -perm 755)" ] || fail "directories with other modes than 755"
[ -z "$(find "$root" -type f ! -perm 644 ! -perm 755)" ] || fail "files with other modes than 644 and 755"
cmp include/segreg.h "$root/usr/local/include/segreg.h"
cmp include/segreg.hpp "$root/usr/local/include/segreg.hpp"
for name in bin/segctl sbin/segregd lib/libsegreg.a lib/libsegreg.so lib/segreg/libsegreg-defer.so \
	lib/pkgconfig/segreg.pc share/man/man1/segctl.1 \
	share/man/man3/segreg.hpp.3 share/man/man3/segreg_edit_commit.3 share/man/man7/segreg.7 \
	share/man/man8/segregd.8; do
	[ -r "$root/usr/local/$name" ] || fail "no $name"
done
ok "everything is there and can be read by all, under any umask"

files "$root" >"$scratch/first"
make_in "$root" install
files "$root" | diff -u "$scratch/first" - || fail "a second make install changes what is there"
make_in "$root" uninstall
[ -z "$(find "$root" ! -type d)" ] || fail "make uninstall leaves something: $(find "$root" ! -type d | head -n 3)"
ok "installing twice is installing once, and uninstalling leaves nothing"

root=$scratch/plain
make_in "$root" install
mkdir "$scratch/data"
touch "$scratch/data/file"
export SEGREG_REGISTRY=$scratch/registry
"$root/usr/local/bin/segctl" init --base "$scratch/data" >"$scratch/log"
"$root/usr/local/bin/segctl" defer -- rm "$scratch/data/file" 2>"$scratch/log" || { cat "$scratch/log"; fail "defer"; }
[ ! -s "$scratch/log" ] && [ -e "$scratch/data/file" ] || { cat "$scratch/log"; fail "segctl defer discards nothing"; }
"$root/usr/local/bin/segctl" sweep >"$scratch/log"
[ ! -e "$scratch/data/file" ] || fail "what was discarded stays"
unset SEGREG_REGISTRY
ok "segctl defer finds its library where it is installed, and that finds libsegreg.so"

parts=$scratch/parts
make_in "$parts/lib" install-lib PREFIX=/usr LIBDIR=/usr/lib/there
version=$(awk '/define SEGREG_VERSION_(MAJOR|MINOR|PATCH)/ { v = v s $3; s = "." } END { print v }' include/segreg.h)
lists "$parts/lib" "usr/lib/there/libsegreg.so.$version" "usr/lib/there/libsegreg.so.${version%%.*}"
make_in "$parts/all" install PREFIX=/usr BINDIR=/b SBINDIR=/s LIBDIR=/l INCLUDEDIR=/i PKGCONFIGDIR=/p MANDIR=/m \
	UNITDIR=/u \
	SYSUSERSDIR=/y TMPFILESDIR=/t COMPLETIONDIR=/c ZSHCOMPLETIONDIR=/z FISHCOMPLETIONDIR=/f \
	SHAREDIR=/h DOCDIR=/d
[ ! -e "$parts/all/usr" ] ||
	fail "a directory that was given is not used: $(find "$parts/all/usr" ! -type d | head -n 3)"
for name in b/segctl s/segregd l/libsegreg.so i/segreg.h p/segreg.pc m/man7/segreg.7 h/segregd.conf \
	h/monitoring/segreg.rules.yml d/examples/Dockerfile; do
	[ -r "$parts/all/$name" ] || fail "no $name"
done
[ "$(grep -cxE '(libdir=/l|includedir=/i)' "$parts/all/p/segreg.pc")" -eq 2 ] ||
	fail "segreg.pc does not say where the library and the header are"
for name in z/_segctl f/segctl.fish; do
	grep -qF 'bash /c/segctl ' "$parts/all/$name" || fail "$name does not find what segctl.bash was installed as"
done
ok "each directory can be chosen"

if unit=$(ls "$parts/all/u"/*.service 2>/dev/null); then
	# shellcheck disable=SC2086
	grep -q '^ExecStart=/s/segregd' $unit || fail "the unit does not start the segregd that was installed"
	ok "the unit starts the segregd that was installed"
fi

sources=$PWD
# From here on with the README's example, and nothing but what was installed.
awk '/^```c$/ { inside = 1; next } /^```/ && inside { exit } inside' README.md >"$scratch/example.c"
root=$scratch/root
make_in "$root" install PREFIX=/usr LIBDIR=/usr/lib/there
export PKG_CONFIG_SYSROOT_DIR=$root
export PKG_CONFIG_PATH=$root/usr/lib/there/pkgconfig
strict='-Wall -Wextra -Wpedantic -Werror'

# runs WHAT PROGRAM: it does what the README says.
runs() {
	mkdir "$scratch/base"
	"$2" "$scratch/base/registry" >"$scratch/out" 2>&1 || { cat "$scratch/out"; fail "$1 ends with an error"; }
	if ! grep -q '0 deleted, 1 held' "$scratch/out" || ! grep -q '1 deleted, 0 held' "$scratch/out"; then
		cat "$scratch/out"
		fail "$1 does not do what the README says"
	fi
	rm -rf "$scratch/base"
	ok "$1"
}

[ "$(pkg-config --modversion segreg)" = "$version" ] || fail "pkg-config tells another version"
# The settings are lists of words.
# shellcheck disable=SC2046,SC2086
{
	cd "$scratch"
	"${CC:-cc}" -std=gnu11 $strict -o shared example.c \
		$(pkg-config --cflags --libs segreg) -Wl,-rpath,"$root/usr/lib/there"
	readelf -d shared | grep -q "NEEDED.*libsegreg.so.${version%%.*}" || fail "it does not need the shared library"
	runs "the README's example, with the shared library" ./shared
	"${CC:-cc}" -std=gnu11 $strict -static -o static example.c $(pkg-config --static --cflags --libs segreg)
	! readelf -d static | grep NEEDED || fail "it needs shared libraries"
	runs "the README's example, linked statically" ./static
}

command -v g++ >/dev/null || { echo "skipped programs in C++: there is no g++"; exit 0; }
cat >example.cc <<'CC'
#include <segreg.h>
#include <cstdio>

static int count(void *arg, const segreg_info *info)
{
	*static_cast<int *>(arg) += info->state == SEGREG_LIVE;
	return 0;
}

int main(int argc, char **argv)
{
	segreg_open_options options = segreg_open_options();
	segreg *reg = nullptr;
	int live = 0;

	options.size = sizeof(options);
	options.flags = SEGREG_CREATE;
	if (argc != 2 || segreg_open(argv[1], &options, &reg) < 0 || segreg_list(reg, count, &live) < 0) {
		std::fprintf(stderr, "%s\n", segreg_last_error());
		return 1;
	}
	return segreg_close(reg, nullptr) < 0 || live;
}
CC
for standard in c++11 c++20; do
	mkdir base
	# shellcheck disable=SC2046,SC2086
	g++ -std=$standard $strict -o cxx example.cc \
		$(pkg-config --cflags --libs segreg) -Wl,-rpath,"$root/usr/lib/there"
	./cxx base/registry || fail "the program in $standard ends with an error"
	rm -rf base
	ok "a program in $standard includes the header and links"
done

# The README's example in C++.
awk '/^```cpp$/ { inside = 1; next } /^```/ && inside { exit } inside' "$sources/README.md" >example.cc
# shellcheck disable=SC2046,SC2086
g++ -std=c++17 $strict -o cxx example.cc $(pkg-config --cflags --libs segreg) -Wl,-rpath,"$root/usr/lib/there"
runs "the README's example in C++" ./cxx
