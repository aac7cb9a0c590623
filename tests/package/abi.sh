#!/usr/bin/env bash
# abi.sh BUILD - what was compiled against the baseline of .packaging/abi goes on working with the library of today.
# Functions and types are unchanged or have grown as segreg.h permits. Constants are unchanged, and an old program runs.
set -eu
cd "$(dirname "$0")/../.."
build=$1
baseline=.packaging/abi
[ -z "${SAN_FLAGS-}" ] || { echo "skipped: nobody installs a build with a sanitizer"; exit 77; }
scratch=$(mktemp -d)

# A registry leaves its shared memory behind for the next to open it, but nobody will.
clean_up() {
	sed -nE 's,^region /(segreg-[0-9a-f]+).*,/dev/shm/\1,p' "$scratch/base/registry/registry.lock" | xargs -r rm -f
	rm -rf "$scratch"
} 2>/dev/null
trap clean_up EXIT

fail() {
	echo "FAILED: $*"
	exit 1
}

# The constants of a segreg.h, one a line: macros, and errors with their values.
constants() {
	"${CC:-cc}" -E -dM "$1" | grep -E '^#define SEGREG_[A-Z_]+ ' | grep -vE '_VERSION_(MAJOR|MINOR|PATCH) '
	grep -oE '\bX\([A-Z_]+, -[0-9]+' "$1"
}

constants "$baseline/segreg.h" | sort >"$scratch/then"
constants include/segreg.h | sort >"$scratch/now"
for what in 'define SEGREG_PATH_SIZE' 'X(INVAL'; do
	grep -qF "$what" "$scratch/then" || fail "$what is not among the constants found"
done
lost=$(comm -23 "$scratch/then" "$scratch/now")
[ -z "$lost" ] || fail "constants that were changed or taken away: $lost"
echo "ok constants and errors have their values"

# members HEADER: a C program that checks the type of each member of its structs against the segreg.h that it is
# compiled with. It prints the offsets of the members.
members() {
	cat <<-'C'
		#include <stdio.h>
		#include <segreg.h>
		#define TYPE_OF(s, m) __typeof__(((struct s *)0)->m)
		#define TYPE(s, m, ...) _Static_assert(__builtin_types_compatible_p(TYPE_OF(s, m), __VA_ARGS__), #m);
		#define OFFSET(s, m) printf(#s "." #m " %zu\n", offsetof(struct s, m));
	C
	sed 's,/\*.*,,' "$1" | awk '
		/^struct segreg_[a-z_]+ \{/ { name = $2 }
		/^};/ { name = "" }
		name && match($0, /[a-z_]+(\[[^]]*\])?;/) {
			member = substr($0, RSTART, RLENGTH - 1)
			dimension = index(member, "[") ? substr(member, index(member, "[")) : ""
			sub(/\[.*/, "", member)
			print "TYPE(" name ", " member ", " substr($0, 1, RSTART - 1) dimension ")"
			offsets = offsets "\tOFFSET(" name ", " member ")\n"
		}
		END { print "int main(void)\n{\n" offsets "\treturn 0;\n}" }'
}

members "$baseline/segreg.h" >"$scratch/members.c"
for when in "$baseline" include; do
	"${CC:-cc}" -std=gnu11 -I"$when" -o "$scratch/members" "$scratch/members.c" ||
		fail "the structs of $when/segreg.h are not those of the baseline"
	"$scratch/members" >"$scratch/members-of-$(basename "$when")"
done
grep -q '^segreg_sweep_event.label ' "$scratch/members-of-abi" || fail "the structs' members were not found"
diff -u "$scratch/members-of-abi" "$scratch/members-of-include" || fail "members of structs have moved"
echo "ok members of structs have their types and places"

# Constants and sizes are compiled in. Structs lie at the very end of their memory, so that going beyond them is a
# SIGSEGV.
"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -I"$baseline" -o "$scratch/old" tests/package/old-program.c \
	-L"$build" -lsegreg -Wl,-rpath,"$(realpath "$build")"
mkdir "$scratch/base"
status=0
"$scratch/old" "$scratch/base" || status=$?
[ "$status" -eq 0 ] || fail "a program that was compiled against the baseline ends with $status"
echo "ok a program that was compiled against the baseline"

soname=$(readelf -d "$build/libsegreg.so" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
[ -s "$baseline/$soname.abi" ] || fail "$baseline has nothing for $soname: make abi-baseline"
reason=
if ! command -v abidiff >/dev/null; then
	reason="abidiff is not installed (make abi-check does that)"
elif ! readelf -S "$build/libsegreg.so" | grep -q debug_info; then
	reason="the library was built without -g"
elif ! readelf -h "$build/libsegreg.so" | grep -q X86-64; then
	reason="the baseline is for x86-64"
fi
[ -z "$reason" ] || { echo "skipped functions and types: $reason"; exit 0; }
status=0
abidiff --leaf-changes-only --fail-no-debug-info --no-added-syms \
	--suppressions "$baseline/abidiff.suppr" "$baseline/$soname.abi" "$build/libsegreg.so" \
	>"$scratch/changes" 2>&1 || status=$?
[ "$status" -eq 0 ] || { cat "$scratch/changes"; fail "functions or types have changed (abidiff says $status)"; }
echo "ok functions, and types that may not grow, are the same"
