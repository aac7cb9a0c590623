#!/usr/bin/env bash
# manual.sh BUILD - the programs in segreg.hpp(3), and the README's in C++, compile without a warning and print what
# the page says.
. "$(dirname "$0")/lib.sh"
page=lib/man/segreg.hpp.3

# block N: the Nth literal block of EXAMPLES, as it is shown.
block() {
	awk -v n="$1" '/^\.Sh/ { examples = $2 == "EXAMPLES" }
		/^\.Ed/ { inside = 0 }
		inside { print }
		examples && /^\.Bd -literal/ { inside = ++found == n }' "$page" | sed 's/\\e/\\/g; s/\\&//g'
}

# example N FLAG...: block N, compiled and run, prints the block after it, but for the command there.
example() {
	local n=$1
	shift
	block "$n" >"$scratch/example.cc"
	grep -q '#include <segreg.hpp>' "$scratch/example.cc" || fail "block $n of $page is no program"
	"$compiler" "$@" "${strict[@]}" "${sanitizer[@]}" -Iinclude -o "$scratch/example" "$scratch/example.cc" \
		"${libraries[@]}"
	"$scratch/example" "$scratch/engine/registry" >"$scratch/output" 2>&1 ||
		{ cat "$scratch/output"; fail "example $n ends with an error"; }
	block $((n + 1)) | grep -v '^\$' | diff -u --label page --label program - "$scratch/output" ||
		fail "example $n does not print what the page says"
}

for compiler in "${cxx[@]}"; do
	rm -rf "$scratch/engine"
	mkdir "$scratch/engine"
	example 1 -std=c++17
	example 3 -std=c++17 -fno-exceptions -fno-rtti
	rm -rf "$scratch/engine"
	mkdir "$scratch/engine"
	! "$scratch/example" "$scratch/engine/none" 2>"$scratch/output" || fail "a registry that is not there"
	grep -q "$scratch/engine/none" "$scratch/output" || fail "no reason: $(cat "$scratch/output")"
	echo "ok $compiler: the examples of segreg.hpp(3)"
done

awk '/^```cpp$/ { inside = 1; next } /^```/ && inside { exit } inside' README.md >"$scratch/example.cc"
"${cxx[0]}" -std=c++17 "${strict[@]}" "${sanitizer[@]}" -Iinclude -o "$scratch/example" "$scratch/example.cc" \
	"${libraries[@]}"
"$scratch/example" "$scratch/engine/registry" >"$scratch/output"
diff -u - "$scratch/output" <<-'END' || fail "the README's example in C++"
	while pinned:  0 deleted, 1 held
	once released: 1 deleted, 0 held
END
echo "ok ${cxx[0]}: the README's example"
