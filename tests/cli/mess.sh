#!/usr/bin/env bash
# A mess at three in the morning: many segments, snapshots, processes and users. why says what to do, says it within 80
# columns, and what it promises comes back. MESS_SEGMENTS, MESS_SNAPSHOTS and MESS_PROCESSES make it larger; with
# MESS_TIME=1 it prints what why takes.
. "$(dirname "$0")/lib.sh"

n=${MESS_SEGMENTS:-600}
snapshots=${MESS_SNAPSHOTS:-400}
processes=${MESS_PROCESSES:-13}
users=1
[ "$(id -u)" -ne 0 ] || users=3

# Other users share the registry.
chmod 711 "$dir"
umask 0
mkdir "$base" || exit 1
export SEGREG_REGISTRY=$dir/registry
expect 0 "$segctl" init --base "$base" --max-segments $((n + 1000)) --max-lanes $((processes + 100))

# make_mess: its processes are ${pids[@]} then.
make_mess() {
	# shellcheck disable=SC2086
	${CC:-cc} ${SAN_FLAGS-} -D_GNU_SOURCE -I"$root/include" -o "$dir/mess" "$root/tests/cli/mess.c" \
		"$build/libsegreg.a" -llmdb -pthread || fail "cannot build the mess"
	"$dir/mess" "$SEGREG_REGISTRY" "$n" "$snapshots" "$processes" >"$dir/mess.out" 2>"$dir/err" &
	children+=("$!")
	until grep -q ready "$dir/mess.out"; do
		kill -0 "${children[-1]}" 2>/dev/null || fail "the mess did not begin"
		sleep 0.01
	done
	read -r -a pids <"$dir/mess.out"
	pids=("${pids[@]:1}")
}
make_mess
count() {
	sed ':a; s/^\([0-9]\+\)\([0-9]\{3\}\)/\1,\2/; ta' <<<"$1"
}

COLUMNS=80 expect 0 "$segctl" why
awk 'length > 80 { exit 1 }' "$dir/out" || fail "a line of more than 80 columns"
says "$(count "$n") retired segments keep "
says "$processes processes of $users user"
grep -q "^... and $(count $((n - 10))) more: --all" "$dir/out" || fail "the segments are not counted"
[ "$(grep -c "segment-" "$dir/out")" -eq 10 ] || fail "not the ten largest segments"
grep -q '  kill [0-9]' "$dir/out" || fail "it does not say what to end"
expect 0 "$segctl" why --all
grep -q ", stopped: " "$dir/out" || fail "the stopped process is not named"
COLUMNS=80 expect 0 "$segctl" holders
awk 'length > 80 { exit 1 }' "$dir/out" || fail "a line of holders has more than 80 columns"
says "stopped; attached"
says " HORIZ "
[ "$(grep -cE "^ +[0-9]+ [a-z]" "$dir/out")" -eq $((processes + 2)) ] || fail "not a line for each handle"
says "  LANE "
ok "ten lines of each kind, in 80 columns"

cp "$dir/out" "$dir/screen"
"$segctl" why --json >"$dir/json" || fail "why --json fails"
python3 - "$dir" "$segctl" "$n" "$processes" "$users" <<'PYTHON' || fail "why --json is not what holders says"
import json, random, subprocess, sys
where, segctl, n, processes, users = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
why = json.load(open(where + "/json"))
segments, groups = why["segments"], {g["group"]: g for g in why["groups"]}
pid_of = {x["lane"]: h["pid"] for h in why["holders"] for x in h["handles"]}

assert len(segments) == len({s["id"] for s in segments}) == why["totals"]["all"]["segments"] == n
assert len(why["holders"]) == processes and len(why["users"]) == users, why["users"]
assert sum(u["processes"] for u in why["users"]) == processes
assert len({tuple(g["lanes"]) for g in why["groups"]}) == len(why["groups"]) > (100 if n == 600 else 1)
assert any(s["horizons"] for s in segments)
for s in random.Random(7).sample(segments, 40) + [max(segments, key=lambda s: s["pins"])]:
    out = subprocess.run([segctl, "holders", "--json", str(s["id"])], check=True, stdout=subprocess.PIPE).stdout
    holders = json.loads(out)["holders"]
    assert sorted(h["lane"] for h in holders) == sorted(groups[s["group"]]["lanes"]), (s, holders)
    for what in ("pins", "snapshots", "horizons"):
        assert s[what] == sum(h[what] for h in holders), (what, s, holders)

# Everything else follows from the segments and their groups.
sets = {g: frozenset(pid_of[lane] for lane in groups[g]["lanes"]) for g in groups}
def total(keep):
    of = [s for s in segments if keep(sets[s["group"]])]
    return len(of), sum(s["kept"] for s in of)
assert (why["totals"]["all"]["segments"], why["totals"]["all"]["kept"]) == total(lambda pids: True)
assert (why["totals"]["held"]["segments"], why["totals"]["held"]["kept"]) == total(lambda pids: pids)
assert (why["totals"]["waiting"]["segments"], why["totals"]["waiting"]["kept"]) == total(lambda pids: not pids)
for g in groups.values():
    of = [s for s in segments if s["group"] == g["group"]]
    assert (g["segments"], g["kept"]) == (len(of), sum(s["kept"] for s in of)), g
for h in why["holders"]:
    assert (h["segments"], h["kept"]) == total(lambda pids: h["pid"] in pids), h
    assert h["alone"] == total(lambda pids: pids == {h["pid"]})[1], h
for kind, rows in (("user", why["users"]), ("unit", why["units"])):
    for row in rows:
        mine = {h["pid"] for h in why["holders"] if (h[kind] or "-") == row[kind]}
        assert (row["segments"], row["kept"]) == total(lambda pids: pids & mine), row
        assert row["alone"] == total(lambda pids: pids and pids <= mine)[1], row
ended = set()
for end in why["ends"]:
    assert end["pids"] and not ended & set(end["pids"]), end
    ended |= set(end["pids"])
    assert end["freed"] == total(lambda pids: pids and pids <= ended)[1], end
assert why["ends"][-1]["freed"] >= why["totals"]["held"]["kept"] * 0.9, why["ends"]
kept = [h["kept"] for h in why["holders"]]
assert kept == sorted(kept, reverse=True), kept
PYTHON
ok "segments, groups, processes, users and sums agree with what holders says of each segment"

lines() {
	"$segctl" why -n "$@" | wc -l
}
[ "$(lines)" -eq "$n" ] || fail "a table has not all segments"
[ "$(lines --limit 7)" -eq 7 ] || fail "--limit 7 has not 7 rows"
[ "$(lines --by holder)" -eq "$processes" ] || fail "--by holder has not a row for each process"
[ "$(lines --by user)" -eq "$users" ] || fail "--by user has not a row for each user"
[ "$(lines --by unit)" -ge 1 ] || fail "--by unit has no row"
[ "$(lines --older 1h)" -eq 0 ] || fail "--older 1h has rows"
[ "$(lines --older 0)" -eq "$n" ] || fail "--older 0 has not all rows"
[ "$("$segctl" why --all --by segment | grep -c segment-)" -eq "$n" ] || fail "--all has not all segments"
# Raw tables are printed piece by piece; all have the same order.
"$segctl" why -Rno ID >"$dir/raw"
[ "$(sort -u "$dir/raw" | wc -l)" -eq "$n" ] || fail "a raw table has not each segment once"
"$segctl" why -Rno ID --limit 60 | cmp -s - <(head -n 60 "$dir/raw") || fail "--limit 60 has not the first 60"
[ "$("$segctl" why -Ro ID,PATH | grep -c PATH)" -eq 1 ] || fail "a raw table has not one heading"
"$segctl" why -Rno KEPT | sort -c -nr || fail "not the largest first"
held=$("$segctl" why --by holder -Rno PID,SEGMENTS | awk -v pid="${pids[3]}" '$1 == pid { print $2 }')
[ "$(lines --pid "${pids[3]}")" -eq "$held" ] || fail "--pid has not the $held segments of ${pids[3]}"
held=$("$segctl" why --by user -Rno USER,SEGMENTS | awk 'END { print $1, $2 }')
[ "$(lines --user "${held% *}")" -eq "${held#* }" ] || fail "--user ${held% *} has not ${held#* } segments"
[ "$(lines --pid 1)" -eq 0 ] || fail "--pid of no holder has rows"
expect 0 "$segctl" why --pid 1
says "Nothing is kept that matches."
expect 64 "$segctl" why --by color
complains "'color' is not holder, segment, user or unit"
expect 64 "$segctl" why --older soon
expect 64 "$segctl" why --limit 0
expect 64 "$segctl" why --pid x
ok "--limit, --by, --older, --pid, --user"

if [ -n "${MESS_TIME-}" ]; then
	for option in "" "--json"; do
		# shellcheck disable=SC2086
		(time "$segctl" why $option >"$dir/out") 2>&1 | tr '\n' ' '
		echo "why $option: $n segments, $snapshots snapshots, $processes processes"
	done
	prlimit --data=64000000 "$segctl" why >"$dir/out" || fail "why needs more than 64 MB"
fi

# What the ends promise comes back: each step is done, and counted.
freed() {
	"$segctl" stats --raw -o BYTES_FREED | cut -d " " -f 2
}
"$segctl" wait >/dev/null & # keeps the shared memory, which counts
children+=("$!")
expect 0 "$segctl" sweep
"$segctl" why --json >"$dir/json" || fail "why --json fails"
before=$(freed)
python3 -c 'import json, sys
for end in json.load(open(sys.argv[1]))["ends"]: print(end["freed"], *end["pids"])' "$dir/json" >"$dir/ends"
[ -s "$dir/ends" ] || fail "there is nothing to end"
while read -r bytes targets; do
	# shellcheck disable=SC2086
	kill -9 $targets || fail "a process is gone already"
	for pid in $targets; do
		eventually has_ended "$pid"
	done
	expect 0 "$segctl" sweep
	[ $(($(freed) - before)) -eq "$bytes" ] || fail "$bytes bytes promised, $(($(freed) - before)) came back"
done <"$dir/ends"
ok "what comes back is what was promised"
