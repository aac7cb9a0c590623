#!/usr/bin/env bash
# Metrics: well-formed, true, written only when they say something new, and no sweep hangs on them.
. "$(dirname "$0")/lib.sh"

new_registry
for i in {1..6}; do
	segment $i 100
done
mkdir "$dir/prom"
(umask 0027; exec env --default-signal=INT "$segregd" --metrics "$dir/prom" --heartbeat 0) 2>"$dir/log" &
daemon=$!
children+=("$daemon")
eventually logged serving
file=$(echo "$dir/prom/segreg-"*.prom)
eventually test -s "$dir/prom/segreg-$(echo "${SEGREG_REGISTRY#/}" | sed 's|-|%2D|g; s|/|-|g').prom"
file=$(echo "$dir/prom/segreg-"*.prom)

# value NAME [LABELS]
value() {
	grep -F "segreg_$1{registry=\"$SEGREG_REGISTRY\"${2:+,$2}} " "$file" | awk '{ print $NF }'
}
has() {
	[ "$(value "$1" "${3-}")" = "$2" ]
}
hold reader 1 2
expect 0 "$segctl" retire 1 2 3
eventually has deleted_segments_total 1
eventually has segments 2 'state="pending"'
has segments 3 'state="live"' || fail "live segments: $(value segments 'state="live"')"
has pending_bytes "$(($(column 1 BYTES) + $(column 2 BYTES)))" || fail "pending bytes: $(value pending_bytes)"
has oldest_pending_holders 1 || fail "holders of the oldest: $(value oldest_pending_holders)"
[ "$(value commit_duration_seconds_count)" -ge 3 ] || fail "commits: $(value commit_duration_seconds_count)"
at=$(value oldest_pending_timestamp_seconds)
[ "${at%.*}" -gt $(($(date +%s) - 600)) ] && [ "${at%.*}" -le "$(date +%s)" ] || fail "the oldest was retired at $at"
freed=$(value freed_bytes_total)
[ "$freed" -gt 100000 ] || fail "freed: $freed"
end "$holder" KILL
eventually has deleted_segments_total 3
eventually has reclaimed_pins_total 2
has pending_bytes 0 || fail "nothing is pending but $(value pending_bytes) bytes"
! grep -qE '^segreg_[a-z_]*timestamp_seconds' "$file" || fail "a time that does not exist has a sample"
[ "$(stat -c %a "$file")" = 644 ] || fail "the umask keeps node_exporter out"
ok "they are true"

python3 - "$file" <<'PYTHON' || fail "they are not well-formed"
import re, sys
types, seen, last = {}, set(), None
for line in open(sys.argv[1]):
    m = re.fullmatch(r'# (HELP|TYPE) ([a-z_]+) (.+)\n', line)
    if m:
        if m[1] == "TYPE":
            assert m[2] not in types, "twice: " + m[2]
            types[m[2]] = m[3]
        last = m[2]
        continue
    label = r'[a-z]+="(?:[^"\\\n]|\\["\\n])*"'
    m = re.fullmatch(rf'([a-z_]+)\{{({label}(?:,{label})*)\}} ([0-9.e+-]+)\n', line)
    assert m, line
    family = re.sub(r'_(bucket|sum|count)$', '', m[1])
    if types.get(family) not in ("histogram", "summary"):
        family = m[1]
    assert family == last and family in types, line
    assert (m[1], m[2]) not in seen, line
    seen.add((m[1], m[2]))
    assert (types[family] == "counter") == m[1].endswith("_total") or types[family] in ("histogram", "summary"), line
buckets = [l for l in open(sys.argv[1]) if "_bucket" in l]
counts = [int(l.split()[-1]) for l in buckets]
assert counts == sorted(counts) and '+Inf' in buckets[-1] and counts[-1] > 0, buckets
PYTHON
if command -v promtool >/dev/null; then
	promtool check metrics <"$file" >"$dir/out" 2>&1 || fail "promtool objects"
	is_silent
	ok "they are well-formed, for promtool as well"
else
	ok "they are well-formed"
	skipped "promtool: it is not installed (prometheus)"
fi

# One who pins and unpins what another one holds has it sweep all the time, for nothing.
hold quiet 6
quiet=$holder
hold restless 6
expect 0 "$segctl" retire 6
eventually has segments 1 'state="pending"'
eventually has handles 3
kill -USR2 "$holder"
switches() {
	awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$daemon/status"
}
has_woken() {
	[ "$(switches)" -gt "$(($1 + 20))" ]
}
eventually has_woken "$(switches)"
before=$(stat -c %i,%z "$file")
eventually has_woken "$(switches)"
[ "$(stat -c %i,%z "$file")" = "$before" ] || fail "written without news"
end "$holder" KILL
end "$quiet" KILL
eventually logged "deleted 6 6: "
ok "they are written when they have changed"

mv "$dir/prom" "$dir/away" # rm -r would meet files that segregd writes meanwhile
expect 0 "$segctl" retire 4
eventually logged "deleted 4 4: "
eventually logged "cannot write $file"
expect 0 "$segctl" retire 5
eventually logged "deleted 5 5: "
[ "$(grep -c 'cannot write' "$dir/log")" -eq 1 ] || fail "one trouble, many words"
stop
ok "a directory that is gone does not keep it from its work"

# Two registries in one directory: no series stands in both files. And what a name can have in it.
mkdir "$dir/prom" "$dir/data2" "$dir/data3"
odd="$dir/od\\d \"q\" "$'\n\xff'
expect 0 "$segctl" init -r "$dir/two" --base "$dir/data2"
expect 0 "$segctl" init -r "$odd" --base "$dir/data3"
: >"$dir/canary"
ln -s "$dir/canary" "$dir/prom/segreg-$(echo "${dir#/}/two" | sed 's|-|%2D|g; s|/|-|g').prom.new"
(cd "$dir" && exec env --default-signal=INT "$segregd" -m "$dir/prom" registry two "$odd") 2>"$dir/log" &
daemon=$!
children+=("$daemon")
three_files() {
	[ "$(find "$dir/prom" -name '*.prom' | wc -l)" -eq 3 ]
}
eventually three_files
python3 - "$dir/prom" "$dir" <<'PYTHON' || fail "files of several registries do not go together"
import glob, re, sys
seen, names = set(), set()
for name in glob.glob(sys.argv[1] + "/*.prom"):
    for line in open(name, encoding="utf-8"):
        if line[0] == "#":
            continue
        series, _, value = line.rstrip("\n").rpartition(" ")
        assert series not in seen, series
        seen.add(series)
        label = re.search(r'registry="((?:[^"\\]|\\.)*)"', series)[1]
        names.add(re.sub(r'\\(.)', lambda m: "\n" if m[1] == "n" else m[1], label))
assert names == {sys.argv[2] + n for n in ("/registry", "/two", '/od\\d "q" \n\\xff')}, names
PYTHON
[ ! -s "$dir/canary" ] || fail "it wrote through a symbolic link"
stop
ok "those of several registries go together, whatever these are called"

# A directory stands where the file should: it is written aside, and cannot be renamed.
rm -rf "$dir/prom"
mkdir -p "$file/in-the-way"
serve -m "$dir/prom"
eventually logged "cannot write $file"
stop
[ ! -e "$file.new" ] || fail "what could not be renamed is left behind"
ok "what cannot be written leaves nothing behind"

long=$dir/$(printf 'a%.0s' {1..240})
mkdir "$dir/data4"
expect 0 "$segctl" init -r "$long" --base "$dir/data4"
serve -m "$dir/prom" "$long"
eventually logged "no metrics: the registry's path makes a file name of more than 255 bytes"
stop
ok "a name that is too long for a file is reported"

# Without news, the file is written again and again, and has the time. A dead segregd does not write.
rm -rf "$dir/prom"
mkdir "$dir/prom"
serve -m "$dir/prom" --heartbeat 0.2
eventually test -s "$file"
beat=$(value heartbeat_timestamp_seconds)
has heartbeat_interval_seconds 0.20000000000000001 || fail "interval: $(value heartbeat_interval_seconds)"
beats_again() {
	[ "$(value heartbeat_timestamp_seconds)" != "$beat" ]
}
eventually beats_again
end "$daemon" KILL
beat=$(value heartbeat_timestamp_seconds)
! beats_again || fail "a dead segregd has a heartbeat"
printf 'heartbeat = 2h\nmetrics = %s\n[%s]\n' "$dir/prom" "$SEGREG_REGISTRY" >"$dir/conf"
serve -c "$dir/conf"
beats_slowly() {
	has heartbeat_interval_seconds 7200
}
eventually beats_slowly
stop
ok "an idle segregd has a heartbeat, and a dead one has none"
