#!/usr/bin/env bash
# build.sh BUILD - the build gives equal bytes in two directories.
# It builds everything anew when a setting changes, and nothing otherwise. There is one list of packages, and make help
# has a line for each target. make clean removes what was built.
. "$(dirname "$0")/../cli/lib.sh"

[ -z "${SAN_FLAGS-}" ] || { echo "skipped: a sanitizer changes nothing in the Makefile"; exit 77; }
cd "$root" || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL BUILD WERROR CPPFLAGS LDFLAGS # make check runs this
export CFLAGS='-O0 -g'

# copy NAME: the sources below $dir/NAME.
copy() {
	mkdir -p "$dir/$1"
	cp -a Makefile lib daemon include tests bench .packaging "$dir/$1"
}

# compiled: how many files the last make compiled.
compiled() {
	grep -c '^  CC ' "$dir/out"
}

copy here
copy "a/longer/way/there"
expect 0 make -C "$dir/here" -j2 all
all=$(compiled)
[ "$all" -gt 50 ] || fail "only $all files are compiled"
(umask 077 && TZ=Pacific/Apia LC_ALL=C make -s -C "$dir/a/longer/way/there" BUILD=out >"$dir/out" 2>&1) ||
	fail "it cannot be built: $(cat "$dir/out")"
for product in libsegreg.a libsegreg.so segregd segctl; do
	cmp "$dir/here/build/$product" "$dir/a/longer/way/there/out/$product" || fail "$product differs"
	! grep -qa "$dir" "$dir/here/build/$product" || fail "$product tells where it was built"
done
ok "two directories give the same bytes"

cd "$dir/here" || exit 1
expect 0 make all
[ "$(compiled)" -eq 0 ] || fail "a second make compiles $(compiled) files"
expect 0 make all WERROR=1
[ "$(compiled)" -eq 0 ] || fail "WERROR=1 compiles $(compiled) files again, with the same bytes"
CFLAGS=-O1 expect 0 make DESTDIR="$dir/stage" install
[ "$(compiled)" -eq 0 ] || fail "an installation with other settings compiles $(compiled) files"
for setting in CFLAGS='-O0 -g1' CPPFLAGS=-DNDEBUG LDFLAGS=-Wl,-O1 SHARED=1; do
	expect 0 make -n all "$setting"
	[ "$(grep -c 'echo "  CC ' "$dir/out")" -eq "$all" ] || fail "$setting does not build everything anew"
done
ok "changed settings build everything anew, an installation installs what is built"

cat >"$dir/pkg-config" <<END
#!/bin/sh
echo "\$*" >>"$dir/asked"
exec pkg-config "\$@"
END
chmod 755 "$dir/pkg-config"
touch daemon/segctl/segctl.c
expect 0 make all PKG_CONFIG="$dir/pkg-config"
grep -q -- '--libs lmdb' "$dir/asked" || fail "PKG_CONFIG is not used"
ok "PKG_CONFIG can be set"

expect 2 make all BUILD="$dir/with blanks"
complains "BUILD names one directory, and without blanks"
expect 0 make clean BUILD="$dir/none"
mkdir "$dir/precious"
expect 2 make clean BUILD="$dir/precious"
complains "not built by this Makefile"
expect 2 make clean BUILD=.
complains "has the sources"
if [ ! -e "$dir/precious" ] || [ ! -e Makefile ]; then
	fail "make clean removes what was not built"
fi
expect 0 make -C "$dir/a/longer/way/there" clean BUILD=out
[ ! -e "$dir/a/longer/way/there/out" ] || fail "make clean leaves BUILD"
ok "make clean removes BUILD, and nothing that was not built"

# What people can type, by the makefiles, and by make help.
cd "$root" || exit 1
makefiles=$(ls Makefile ./*/*.mk .packaging/*.mk)
# shellcheck disable=SC2086
sed -n 's/^\.PHONY://p' $makefiles | tr ' ' '\n' | grep -vxE '|FORCE|packages|objects' | sort >"$dir/targets"
expect 0 make help
sed -n 's/^make \([^ ]*\) .*/\1/p' "$dir/out" | sort >"$dir/helped"
diff -u "$dir/targets" "$dir/helped" || fail "make help does not tell all targets, or others"
ok "make help has a line for each target"

# The packages that the README and Debian's control name are those of the list.
needed=$(awk '$1 == "lib" || $1 == "tools" { print $2 }' .packaging/packages)
# shellcheck disable=SC2016
readme=$(sed -n 's/^`apt-get install \(.*\)`\.$/\1/p' README.md)
[ "$readme" = "$(echo "$needed" | paste -sd ' ')" ] ||
	fail "README.md names other packages than .packaging/packages: $readme"
# What is essential to build any package is not named there.
awk '/^Build-Depends:/ { on = 1; next } /^[^ ]/ { on = 0 } on { sub(/,$/, ""); sub(/:any/, ""); print $1 }' \
	.packaging/debian/control >"$dir/control"
for package in $needed; do
	grep -qx -e "$package" "$dir/control" || [ "$package" = gcc ] || [ "$package" = libc6-dev ] ||
		fail "Debian's control lacks $package"
done
# shellcheck disable=SC2016,SC2086
used=$(sed -n 's/^groups-[a-z0-9-]* := *//p' $makefiles | sed 's/\$([^)]*)//g' | tr ' ' '\n' | sort -u | grep .)
for group in $used; do
	grep -q "^$group " .packaging/packages ||
		fail "a target wants the packages of $group, which .packaging/packages does not have"
done
ok "one list of packages"
