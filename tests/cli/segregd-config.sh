#!/usr/bin/env bash
# segregd for several registries: its file, reading it again, a registry that fails, and the forms of its log.
. "$(dirname "$0")/lib.sh"

new_registry
one=$SEGREG_REGISTRY
two=$dir/two
mkdir "$dir/data2"
expect 0 "$segctl" init -r "$two" --base "$dir/data2"
segment 1
segment 2
mkdir "$dir/data2/1" "$dir/data2/2"
expect 0 "$segctl" register -r "$two" 1 1
expect 0 "$segctl" register -r "$two" 2 2
unset SEGREG_REGISTRY

# wrong FILE WORDS: a file of these lines is refused, with its name, the line and these words.
wrong() {
	printf '%b' "$1" >"$dir/conf"
	expect 78 "$segregd" -c "$dir/conf"
	complains "$dir/conf$2"
}
expect 78 "$segregd" -c "$dir/nowhere"
complains "cannot read $dir/nowhere"
wrong '' ' names no registry'
wrong '# nothing\n\n' ' names no registry'
wrong "[$one]\ngrace = 1\nspeed = 2\n" ":3: unknown setting 'speed'"
wrong "[$one]\ngrace = soon\n" ":2: grace: 'soon' is not a duration, such as 90, 90s"
wrong "[$one]\npace = 0\n" ":2: pace: a pace of 0 would delete nothing"
wrong "[$one]\nunconfined = maybe\n" ":2: unconfined: 'maybe' is neither yes nor no"
wrong "[$one]\nmetrics = here\n" ":2: metrics: 'here' is not an absolute path"
wrong "[$one]\ngrace\n" ":2: 'grace' is neither"
wrong "[registry]\n" ":1: 'registry' is not the absolute path"
wrong "[$one\n" ":1: a section's line ends with ']'"
wrong "[$one]\n\n[$one]\n" ":3: $one is there twice"
wrong "[$one]\ngrace = 1\npace = 1\ngrace = 2\n" ":4: 'grace' is there twice"
wrong "[$one]\n[$dir/./registry]\n" ":2: $dir/./registry is $one, which is there already"
ln -s "$one" "$dir/link"
wrong "[$dir/link]\n[$one]\n" ":2: $one is $dir/link, which is there already"
wrong "[$one]\npatience = never\n" ":2: patience: 'never' is not a duration"
wrong "[$one]\npressure = 101\n" ":2: pressure: '101' is not a number from 1 to 100"
wrong "[$one]\nlog-format = json\n" ":2: log-format: it is for all registries"
wrong "log-format = xml\n[$one]\n" ":1: log-format: auto, plain, time, journal or json"
ok "a file that is wrong is refused, and the line is named"

cat >"$dir/conf" <<CONF
# both
interval = 600

[$one]
	[$two]
grace = 3600
CONF
serve -l plain -c "$dir/conf"
eventually logged "$one: serving $one"
eventually logged "$two: serving $two"
expect 0 "$segctl" retire -r "$one" 1
expect 0 "$segctl" retire -r "$two" 1
eventually logged "$one: deleted 1 1: "
[ -d "$dir/data2/1" ] || fail "the grace of one registry is not heeded"
sed -i 's/^grace.*//' "$dir/conf"
kill -HUP "$daemon"
eventually logged "read $dir/conf again: 2 registries"
eventually logged "$two: deleted 1 1: "
[ "$(grep -c "$one: serving" "$dir/log")" -eq 1 ] || fail "a registry whose settings stayed was started anew"
ok "two registries, each with its settings; read again on SIGHUP"

echo nonsense >>"$dir/conf"
kill -HUP "$daemon"
eventually logged "nothing was changed"
expect 0 "$segctl" retire -r "$one" 2
eventually logged "$one: deleted 2 2: "
printf 'interval = 600\n[%s]\n[%s]\n' "$one" "$dir/nowhere" >"$dir/conf"
kill -HUP "$daemon"
eventually logged "$two: stopped by SIGTERM"
eventually logged "$dir/nowhere: ended with status 66; starting it again in 1 s"
expect 0 "$segctl" retire -r "$two" 2
ok "a wrong file changes nothing; a registry that is gone from it is left; one that cannot be opened is tried again"

server_of() {
	"$segctl" holders -r "$1" -nRo PID,LABEL | awk '$2 == "segregd" { print $1 }'
}
[ "$(grep -c "$one: serving" "$dir/log")" -eq 1 ] || fail "a registry whose settings stayed was started anew"
first=$(server_of "$one")
kill -9 "$first"
eventually logged "$one: ended by SIGKILL; starting it again in 1 s"
is_served_anew() {
	local pid
	pid=$(server_of "$one") && [ -n "$pid" ] && [ "$pid" != "$first" ]
}
eventually is_served_anew
first=$(server_of "$one")
end "$daemon" KILL
eventually has_ended "$first"
serve -l plain "$one" "$two"
eventually logged "$two: deleted 2 2: "
stop
[ -z "$(server_of "$one")$(server_of "$two")" ] || fail "a server outlives segregd"
ok "a server that dies is started again, and none outlives segregd"

export SEGREG_REGISTRY=$one
for i in 3 4 5 6 8; do
	segment $i
done
evil=$'e\e"\\\n'
mkdir "$base/$evil"
expect 0 "$segctl" register 7 "$evil"
expect 0 "$segctl" retire 3
expect 0 "$segregd" --once --log-format time
grep -Eq '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z segregd: deleted 3 3: ' "$dir/err" || fail "no time"
expect 0 "$segctl" retire 4
expect 0 "$segregd" --once --log-format journal
grep -q '^<6>segregd: deleted 4 4: ' "$dir/err" || fail "no priority"
expect 0 "$segctl" retire 5
JOURNAL_STREAM=1:1 expect 0 "$segregd" --once
grep -q '^<' "$dir/err" && fail "a priority, though stderr is not the journal's"
expect 0 "$segctl" retire 6
: >"$dir/err"
JOURNAL_STREAM=$(stat -c '%d:%i' "$dir/err") "$segregd" --once 2>>"$dir/err"
grep -q '^<6>segregd: deleted 6 6: ' "$dir/err" || fail "the journal was not recognized"
hold other 8 # so that the registry stays in memory
hold reader 7
expect 0 "$segctl" retire 7
expect 0 "$segregd" --once --log-format json
end "$holder" KILL
cat "$dir/err" >"$dir/json"
expect 0 "$segregd" --once --log-format json
cat "$dir/err" >>"$dir/json"
python3 - "$dir/json" "$holder" <<'PYTHON' || fail "the JSON is not what it should be"
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
assert [l["event"] for l in lines] == ["held", "reclaimed", "deleted"], lines
assert lines[0]["id"] == 7 and lines[0]["pid"] == int(sys.argv[2]) and lines[0]["label"] == "reader", lines
assert lines[1]["pins"] == 1 and lines[2]["bytes"] >= 0 and lines[2]["path"] == "e\x1b\"\\\n", lines
assert all(l["time"] and l["message"] and l["priority"] in (4, 6) for l in lines), lines
PYTHON
ok "what it says, as text, with times, for the journal and as JSON"

serve "$one" "$two"
kill -HUP "$daemon"
eventually logged "SIGHUP changes nothing"
kill -0 "$daemon" || fail "SIGHUP ended segregd"
stop
ok "SIGHUP does not end a segregd of several registries without a file"
