# lib.sh - what the scripts of tests/cpp share: compilers of C++, and what a program is linked with.
# shellcheck shell=bash
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=$(realpath "$1")
scratch=$(mktemp -d)

# A registry leaves its shared memory behind for the next to open it, but nobody will.
clean_up() {
	find "$scratch" -name registry.lock -exec sed -nE 's,^region /(segreg-[0-9a-f]+).*,/dev/shm/\1,p' {} + |
		xargs -r rm -f
	rm -rf "$scratch"
}
trap clean_up EXIT

fail() {
	echo "FAILED: $*"
	exit 1
}

# Compilers of C++, and those of C.
cxx=() cc=()
for compiler in g++ clang++; do
	command -v $compiler >/dev/null && cxx+=("$compiler")
done
for compiler in gcc clang; do
	command -v $compiler >/dev/null && cc+=("$compiler")
done
[ ${#cxx[@]} -gt 0 ] || { echo "skipped: there is no compiler of C++ (g++ or clang++)"; exit 77; }

# knows COMPILER FLAG...: it takes these flags.
knows() {
	local compiler=$1
	shift
	"$compiler" "$@" -fsyntax-only -x c /dev/null 2>/dev/null ||
		"$compiler" "$@" -fsyntax-only -x c++ /dev/null 2>/dev/null
}

strict=(-Wall -Wextra -pedantic -Wshadow -Wconversion -Wno-sign-conversion -Werror)
# Words, from run-check: what a program needs that is linked with a build that has a sanitizer.
read -ra sanitizer <<<"${SAN_FLAGS-}"
libraries=("$build/libsegreg.a" -llmdb -pthread)
