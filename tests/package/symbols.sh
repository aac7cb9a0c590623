#!/usr/bin/env bash
# symbols.sh BUILD - the library exports what the header declares, under the version that the map gives it.
# The library's names, man pages and change logs agree about the version.
set -eu
cd "$(dirname "$0")/../.."
build=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# same WHAT A B: two lists are equal.
same() {
	diff -u --label "$2" --label "$3" "$scratch/$2" "$scratch/$3" || { echo "FAILED: $1"; exit 1; }
	[ -s "$scratch/$2" ] || { echo "FAILED: $2 is empty"; exit 1; }
	echo "ok $1"
}

# Every function of the header: the first name before a parenthesis in each declaration that is not a type.
"${CC:-cc}" -E -P include/segreg.h | tr '\n;' ' \n' | grep -v typedef |
	grep -oE '\bsegreg_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u >"$scratch/header"

sed -n 's/^\(SEGREG_[0-9.]*\) {$/version \1/p; s/^\t\t\(segreg_[a-z0-9_]*\);$/\1/p' lib/libsegreg.map |
	awk '$1 == "version" { version = $2; next } { print $1 "@@" version }' | sort >"$scratch/map"
sed 's/@@.*//' "$scratch/map" >"$scratch/named-in-map"
nm -D --defined-only --with-symbol-versions "$build/libsegreg.so" |
	awk '$2 != "A" { print $3 }' | sort >"$scratch/library"

same "libsegreg.map names every function of segreg.h, and none beside" header named-in-map
same "libsegreg.so exports these, each under its version" map library

# Nothing but the library's own names can collide with a program's when it is linked statically.
nm -g --defined-only "$build/libsegreg.a" | awk 'NF == 3 { print $3 }' | sort -u >"$scratch/archive"
[ -s "$scratch/archive" ] || { echo "FAILED: libsegreg.a defines nothing"; exit 1; }
if [ -n "${SAN_FLAGS-}" ]; then
	echo "skipped names of libsegreg.a: a sanitizer defines its own"
elif grep -vE '^(segreg|sr)_' "$scratch/archive"; then
	echo "FAILED: libsegreg.a defines names that are not the library's"
	exit 1
else
	echo "ok libsegreg.a defines only names that begin with segreg_ or sr_"
fi

version=$(awk '/define SEGREG_VERSION_(MAJOR|MINOR|PATCH)/ { v = v s $3; s = "." } END { print v }' include/segreg.h)
{
	echo "file libsegreg.so.$version"
	echo "soname libsegreg.so.${version%%.*}"
	echo "symbols SEGREG_${version%%.*}"
	echo "segctl $version"
	echo "segregd $version"
	echo "CHANGELOG.md $version"
	echo "Debian's changelog $version"
} >"$scratch/versions-wanted"
{
	echo "file $(basename "$(readlink -f "$build/libsegreg.so")")"
	echo "soname $(readelf -d "$build/libsegreg.so" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')"
	echo "symbols $(sed -n 's/^\(SEGREG_[0-9]*\).* {$/\1/p' lib/libsegreg.map | sort -u)"
	"$build/segctl" --version
	"$build/segregd" --version
	echo "CHANGELOG.md $(sed -n 's/^## \([0-9.]*\).*/\1/p' CHANGELOG.md | head -n 1)"
	echo "Debian's changelog $(sed -n 's/^segreg (\([^)-]*\).*/\1/p' .packaging/debian/changelog | head -n 1)"
} >"$scratch/versions-found"
same "the header, the library, the tools and both change logs tell the same version" versions-wanted versions-found

for file in lib/man/*.3; do
	awk '/^\.Sh/ { names = $2 == "NAME" } names && $1 == ".Nm" && $2 ~ /^segreg_/ { print $2 }' "$file"
done | sort | grep -Fx -f "$scratch/header" >"$scratch/man-pages"
same "every function has one man page" header man-pages
