#!/usr/bin/env bash
# hpp.sh BUILD - segreg.hpp compiles with g++ and clang++ as C++17 to C++23, with and without exceptions. Its objects do
# what they say, also under AddressSanitizer, and what is a mistake does not compile.
. "$(dirname "$0")/lib.sh"

# run NAME COMPILER FLAG...: the program tests/cpp/NAME.cc ends well.
run() {
	local name=$1
	shift
	rm -rf "$scratch/worlds"
	mkdir "$scratch/worlds"
	"$@" "${strict[@]}" "${sanitizer[@]}" -Iinclude -o "$scratch/program" "tests/cpp/$name.cc" "${libraries[@]}"
	T_SCRATCH=$scratch/worlds "$scratch/program" || fail "$name, compiled by $*"
}

none=(-fno-exceptions -fno-rtti)
for compiler in "${cxx[@]}"; do
	standards=()
	for standard in c++17 c++20 c++2b; do
		knows "$compiler" -std=$standard && standards+=("$standard")
	done
	for name in objects waits callbacks; do
		run $name "$compiler" -std=c++17 -O2
		run $name "$compiler" -std="${standards[-1]}" -O1 -g "${none[@]}"
		for standard in "${standards[@]:1}"; do
			"$compiler" -std="$standard" "${strict[@]}" -Iinclude -fsyntax-only "tests/cpp/$name.cc"
		done
		"$compiler" -std=c++17 "${none[@]}" "${strict[@]}" -Iinclude -fsyntax-only "tests/cpp/$name.cc"
		echo "ok $compiler: $name, as C++17 to C++23, with exceptions and without"
	done
done

# The library is C without the sanitizer, so the sanitizer sees the objects alone, and their memory.
if [ -n "${SAN_FLAGS-}" ]; then
	echo "skipped AddressSanitizer: this build has a sanitizer already"
elif ! echo 'int main() {}' | "${cxx[0]}" -fsanitize=address -x c++ -o "$scratch/program" - 2>/dev/null; then
	echo "skipped AddressSanitizer: ${cxx[0]} has none here"
else
	for name in objects waits callbacks; do
		run $name "${cxx[0]}" -std=c++17 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
	done
	echo "ok under AddressSanitizer, which finds no leak either"
fi

# compiles LINE: this line in a function that has a registry, with warnings as errors.
compiles() {
	cat >"$scratch/line.cc" <<-CC
		#include <segreg.hpp>
		using namespace segregxx;
		void function(Registry &reg);
		void function(Registry &reg)
		{
			(void)reg;
			$1
		}
	CC
	"$compiler" -std=c++17 -Wall -Wextra -Werror -Iinclude -fsyntax-only "$scratch/line.cc" 2>"$scratch/errors"
}

compiler=${cxx[0]}
compiles 'auto pin = reg.pin(1).value(); Pin other = std::move(pin);' ||
	{ cat "$scratch/errors"; fail "a pin"; }
compiles 'if (*reg.is_live(1)) reg.retire(1).value();' ||
	{ cat "$scratch/errors"; fail "a question"; }
while read -r line; do
	! compiles "$line" || fail "$compiler compiles: $line"
done <<-'CC'
	auto pin = reg.pin(1).value(); Pin other = pin;
	auto snapshot = reg.snapshot().value(); auto other = snapshot;
	auto edit = reg.edit().retire(1);
	auto pin = Registry::open("dir").value().pin(1);
	auto snapshot = Registry::open("dir").value().snapshot();
	Pin pin(Registry(), 1);
	auto watch = Registry::open("dir").value().watch(SEGREG_WATCH_SWEEP);
	const std::uint64_t ids[] = { 1 }; reg.pin(ids).value().detach();
	if (reg.is_live(1)) return;
	reg.retire(1);
	reg.pin(1);
	reg.edit().retire(1).commit();
	reg.list([](const Info &) { return 1; }).value();
	for (auto &entry : *reg.horizon()) (void)entry;
	reg.add(1, std::string_view("path")).value();
	segreg_pin pin;
CC
echo "ok $compiler: mistakes do not compile"
