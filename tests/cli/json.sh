#!/usr/bin/env bash
# JSON is valid and says what the tables say; names from hell break neither it nor a terminal.
. "$(dirname "$0")/lib.sh"

new_registry
segment 1
segment 2
segment 3 100
evil=$'esc\e[31m nl\n tab\t quote" back\\ bell\a c1\xc2\x9b bad\xff\xed\xa0\x80 caf\xc3\xa9'
mkdir "$base/$evil"
expect 0 "$segctl" register 0xfffffffffffffffe "$evil"
hold $'la\e]0;bel"\xfe' 2 2 18446744073709551614
expect 0 "$segctl" retire 2 3 18446744073709551614

for verb in ls "ls -o ID" "ls -o +BYTES,TYPE,ERROR" "ls -s deleting" "show 1" "show 18446744073709551614" why \
	"why 1" "why 2" "why 3" \
	"why 18446744073709551614" "why -o PID" "why --by holder" "why --by unit" "why -J --by user" "why --all" \
	holders "holders 2" "holders 3" stats "stats -o LIVE"; do
	# shellcheck disable=SC2086
	expect 0 "$segctl" $verb --json
	python3 -m json.tool <"$dir/out" >/dev/null || fail "segctl $verb --json is not JSON"
	LC_ALL=C grep -q $'[\x01-\x09\x0b-\x1f\x7f]' "$dir/out" && fail "segctl $verb --json has control characters"
	# shellcheck disable=SC2086
	LC_ALL=C.UTF-8 expect 0 "$segctl" $verb
	LC_ALL=C grep -q $'[\x01-\x09\x0b-\x1f\x7f\x9b]' "$dir/out" && fail "segctl $verb has control characters"
	iconv -f UTF-8 -t UTF-8 <"$dir/out" >/dev/null || fail "segctl $verb is not UTF-8"
done
ok "JSON is JSON, text is text"

columns=ID,STATE,PINS,BYTES,PATH,TYPE,MISSING,ATTEMPTS,BORN
"$segctl" ls -J -o $columns >"$dir/json"
"$segctl" ls -R -n -o $columns -s live >"$dir/raw"
"$segctl" why -J >"$dir/why"
"$segctl" why 2 -J >"$dir/one"
"$segctl" holders -J >"$dir/holders"
"$segctl" stats -J >"$dir/stats"
EVIL=$evil python3 - "$dir" "$holder" <<'PYTHON' || fail "JSON and tables differ"
import json, os, sys
where, holder = sys.argv[1], int(sys.argv[2])
def load(name):
    return json.load(open(where + "/" + name))

rows = load("json")["segments"]
assert [r["id"] for r in rows] == [1, 2, 3, 2**64 - 2], rows
assert [r["state"] for r in rows] == ["live", "pending", "pending", "pending"], rows
assert [r["pins"] for r in rows] == [0, 2, 0, 1], rows
assert all(r["missing"] is False and type(r["bytes"]) is int and type(r["born"]) is int for r in rows), rows
evil = os.environb[b"EVIL"].replace(b"\xff\xed\xa0\x80", rb"\xff\xed\xa0\x80").decode()
assert rows[3]["path"] == evil, (rows[3]["path"], evil)

live = rows[0]
raw = open(where + "/raw").read().split()
assert raw == [str(live[k]) for k in ("id", "state", "pins", "bytes", "path", "type")] + ["no", "0", "1"], raw

report = load("why")
why = report["segments"]
assert sorted(r["id"] for r in why) == [2, 3, 2**64 - 2], why
two = [r for r in why if r["id"] == 2][0]
assert (two["pins"], two["why"]) == (2, "held by 2 pins"), two
evils = [r for r in why if r["id"] == 2**64 - 2][0]
assert evils["path"] == evil, evils
group = [g for g in report["groups"] if g["group"] == two["group"]][0]
assert group["segments"] == 2 and evils["group"] == two["group"], (group, evils)
owner = [h for h in report["holders"] if group["lanes"] == [x["lane"] for x in h["handles"]]][0]
assert (owner["pid"], owner["command"], owner["state"]) == (holder, "holder", "running"), owner
assert owner["alone"] == group["kept"], owner
assert owner["handles"][0]["label"] == "la\x1b]0;bel\"\\xfe", owner
end = {"freed": group["kept"], "pids": [holder], "leases": [], "lanes": group["lanes"]}
assert report["ends"] == [end], report["ends"]
totals = report["totals"]
assert totals["all"]["segments"] == 3 and totals["held"]["kept"] == group["kept"], totals
parts = totals["held"]["kept"] + totals["waiting"]["kept"]
assert totals["all"]["kept"] == sum(r["kept"] for r in why) == parts, totals
assert [(u["processes"], u["segments"]) for u in report["users"]] == [(1, 2)], report["users"]
one = load("one")["segments"]
assert [(c["pid"], c["pins"], c["command"]) for c in one[0]["children"]] == [(holder, 2, "holder")], one
assert one[0]["children"][0]["label"] == "la\x1b]0;bel\"\\xfe", one
held = sum(r["bytes"] for r in rows if r["id"] in (2, 2**64 - 2))
first = load("holders")["holders"][0]
amounts = [first[name] for name in ("pid", "pins", "segments", "kept", "alone")]
assert amounts == [holder, 3, 2, held, held], first
assert load("stats")["stats"][0]["pending"] == 3
PYTHON
ok "JSON and tables say the same"

serve
eventually is_gone 3
end "$holder" KILL
eventually is_gone 2
eventually test ! -e "$base/$evil"
stop
LC_ALL=C grep -q $'[\x01-\x09\x0b-\x1f\x7f\x9b]' "$dir/log" && fail "segregd's log has control characters"
logged 'deleted 18446744073709551614 esc\x1b[31m' || fail "segregd does not name the segment"
ok "segregd's log is text"
