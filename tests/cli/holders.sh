#!/usr/bin/env bash
# holders, and the answer of why: who keeps how much, and what comes back if that process ends.
. "$(dirname "$0")/lib.sh"

new_registry
segment 1 100
segment 2 300
segment 3 200
expect 66 "$segctl" holders 9
expect 64 "$segctl" holders 1 2
expect 66 "$segctl" holders x
expect 0 "$segctl" holders 1
[ "$(wc -l <"$dir/out")" -le 1 ] || fail "somebody holds what nobody holds"

hold both 1 2 3
both=$holder
hold some 1 2 2
some=$holder
expect 0 "$segctl" retire 1 2 3

# row PID COLUMN: what holders says about that process.
row() {
	"$segctl" holders -nRo "PID,$2" | awk -v pid="$1" '$1 == pid { print substr($0, length($1) + 2) }'
}
size_of() {
	local sum=0 id

	for id in "$@"; do
		sum=$((sum + $(column "$id" BYTES)))
	done
	echo "$sum"
}
[ "$(row "$both" PINS,SEGMENTS,KEPT,ALONE)" = "3 3 $(size_of 1 2 3) $(size_of 3)" ] ||
	fail "both: $(row "$both" PINS,SEGMENTS,KEPT,ALONE)"
[ "$(row "$some" PINS,SEGMENTS,KEPT,ALONE)" = "3 2 $(size_of 1 2) 0" ] ||
	fail "some: $(row "$some" PINS,SEGMENTS,KEPT,ALONE)"
[ "$("$segctl" holders -nRo LABEL | head -n 1)" = both ] || fail "not the worst first"
[ "$("$segctl" holders -nRo LABEL,PINS 2 | sort | tr '\n' ' ')" = "both 1 some 2 " ] || fail "not the holders of 2"
ok "what each one holds, and holds alone"

kib() {
	echo "$(($(size_of "$@") / 1024)) KiB"
}
all=$(kib 1 2 3)
expect 0 "$segctl" why
says "3 retired segments keep $all. The oldest was retired "
says "2 processes of 1 user hold 3 of them ($all)."
grep -Eq "^ +$all +$(kib 3) +3 +[0-9]+s +$both  holder \(both\), $(id -un)" "$dir/out" || fail "both is not there"
grep -Eq "^ +$(kib 3)  kill $both\$" "$dir/out" || fail "the end of both is not the first step"
grep -Eq "^ +$all  kill $some\$" "$dir/out" || fail "the end of some is not the last step"
"$segctl" why -n >"$dir/plain"
[ "$(wc -l <"$dir/plain")" -eq 3 ] || fail "the answer is among the lines for programs"
end "$some" KILL
expect 0 "$segctl" sweep
expect 0 "$segctl" why
grep -Eq "^ +$all  kill $both\$" "$dir/out" || fail "the end of both does not give all back"
end "$both" KILL
expect 0 "$segctl" sweep
says "3 segments deleted, $all freed"
ok "why answers first, and what it promised comes back"
