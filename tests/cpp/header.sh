#!/usr/bin/env bash
# header.sh BUILD - segreg.h compiles without a warning as C99 to C23 and as C++11 to C++23, and so do its initialisers.
. "$(dirname "$0")/lib.sh"

# More than users ask for: what g++ and clang++ can warn of in a header of C.
careful=(-Wold-style-cast -Wzero-as-null-pointer-constant -Wundef -Wredundant-decls)

for compiler in "${cc[@]}"; do
	for standard in c99 c11 c17 c2x; do
		knows "$compiler" -std=$standard || continue
		"$compiler" -std=$standard "${strict[@]}" -Iinclude -o "$scratch/init" tests/cpp/init.c
		"$scratch/init"
	done
	echo "ok $compiler: C99 to C23"
done

echo '#include <segreg.h>' >"$scratch/alone.cc"
# In code that takes all headers of C for such as do not know C++.
printf '%s\n' 'extern "C" {' '#include <segreg.h>' '}' 'struct segreg_stats stats_of() { return SEGREG_STATS_INIT; }' \
	>"$scratch/inside.cc"
for compiler in "${cxx[@]}"; do
	for standard in c++11 c++14 c++17 c++20 c++2b; do
		knows "$compiler" -std=$standard || continue
		"$compiler" -std=$standard "${strict[@]}" "${careful[@]}" -Iinclude -fsyntax-only "$scratch/alone.cc"
		"$compiler" -std=$standard "${strict[@]}" -Iinclude -fsyntax-only "$scratch/inside.cc"
		"$compiler" -std=$standard "${strict[@]}" -Iinclude -o "$scratch/init" -x c++ tests/cpp/init.c
		"$scratch/init"
	done
	echo "ok $compiler: C++11 to C++23"
done

# A macro for each struct that begins with its size, and for each that a call fills with what it holds.
sed -n 's/^struct segreg_\([a-z_]*\) {$/\1/p' include/segreg.h >"$scratch/structs"
while read -r name; do
	body=$(sed -n "/^struct segreg_$name {/,/^};/p" include/segreg.h)
	grep -qP '^\tsize_t size;' <<<"$body" || continue
	macro=SEGREG_$(tr '[:lower:]' '[:upper:]' <<<"$name")_INIT
	grep -q "^#define $macro " include/segreg.h || fail "struct segreg_$name has no $macro"
	grep -q "CHECK_SIZED(segreg_$name, [a-z_]*, $macro)" tests/cpp/init.c || fail "init.c does not check $macro"
done <"$scratch/structs"
echo "ok every struct with a size has its initialiser"
