#!/usr/bin/env bash
# hot.sh BUILD - a pin and its release through segreg.hpp are the two calls of segreg.h: nothing is counted, locked,
# allocated or looked up beside.
. "$(dirname "$0")/lib.sh"
command -v objdump >/dev/null || { echo "skipped: objdump is not installed"; exit 77; }

# calls FUNCTION: the functions that it calls, but for those that a failure or an exception reaches. And "lock" for each
# instruction that locks memory. A pin has a second release where an exception would leave.
calls() {
	local other='^[.]|_Unwind_Resume|6detail5raise|__clang_call_terminate|(Pin|Held)[A-Za-z0-9_]*(D2|4drop)Ev$'

	objdump -dr --no-show-raw-insn "$scratch/hot.o" | awk -v name="<$1>:" -v other="$other" '
		/^[0-9a-f]+ </ { inside = $2 == name }
		inside && /\tlock |xchg *%[a-z0-9]+,[^%]|\t(ldadd|swp|cas|ld[a-z]*xr)/ { print "lock" }
		inside && /R_[A-Z0-9_]+(PLT32|PC32|CALL26|JUMP26)/ {
			sub(/[-+]0x[0-9a-f]+$/, "", $3)
			if ($3 !~ other)
				print $3
		}' | sort | uniq -c | awk '{ printf "%s%s %s", sep, $1, $2; sep = ", " }'
}

for compiler in "${cxx[@]}"; do
	for flags in "-fno-exceptions -fno-rtti" ""; do
		# The flags are words.
		# shellcheck disable=SC2086
		"$compiler" -std=c++17 -O2 $flags "${strict[@]}" -Iinclude -c -o "$scratch/hot.o" tests/cpp/hot.cc
		for function in through_segreg_h by_destructor by_value by_constructor; do
			found=$(calls $function)
			case $function in
			by_value | by_constructor) [ -z "$flags" ] || continue ;;
			esac
			[[ $found =~ ^"1 read_segment, 1 segreg_pin, "[12]" segreg_unpin"$ ]] ||
				fail "$compiler $flags: $function calls $found"
		done
		echo "ok $compiler ${flags:-with exceptions}: one segreg_pin, one segreg_unpin"
	done
done
