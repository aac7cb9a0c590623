#!/usr/bin/env bash
# debug: what is in the shared memory is shown: in use, saved, stuck and damaged.
. "$(dirname "$0")/lib.sh"

# debug STATUS OPTION...: $dir/lines becomes what segctl debug shows, a line for each value:
# "PART NUMBER FIELD=VALUE # REMARK DAMAGED".
debug() {
	expect "$1" "$segctl" debug -J "${@:2}"
	python3 - "$dir/out" >"$dir/lines" <<'PYTHON' || fail "segctl debug --json is not JSON"
import json, sys
for v in json.load(open(sys.argv[1]))["values"]:
    number = "" if v["number"] is None else " %d" % v["number"]
    print("%s%s %s=%s%s%s" % (v["part"], number, v["field"], v["value"], " # " + v["remark"] if v["remark"] else "",
                              " DAMAGED" if v["damaged"] else ""))
PYTHON
}

# shows PATTERN, shows_not PATTERN: a line begins so.
shows() {
	grep -qE -- "^$1" "$dir/lines" || fail "no line '$1' in: $(cat "$dir/lines")"
}

shows_not() {
	! grep -qE -- "^$1" "$dir/lines" || fail "there is: $(grep -E -- "^$1" "$dir/lines")"
}

expect 64 env -u SEGREG_REGISTRY "$segctl" debug
complains "which registry?"
expect 66 "$segctl" debug -r "$dir/none"
mkdir "$base" || exit 1
export SEGREG_REGISTRY=$dir/registry
expect 0 "$segctl" init --base "$base" --max-segments 10000 --max-lanes 8
expect 66 "$segctl" debug
complains "no process has the registry open"
expect 64 "$segctl" debug --slot x
expect 64 "$segctl" debug --id 1 --slot 1
expect 64 "$segctl" debug "$dir"
ok "wrong usage, and a registry that nobody uses"

segment 1
segment 2
hold reader 2
expect 0 "$segctl" retire 2
region=$(sed -n 's/^region //p' "$SEGREG_REGISTRY/registry.lock")
before=$(sha256sum "/dev/shm$region")
blocks=$(stat -c %b "/dev/shm$region")
debug 0
shows "file name=/dev/shm$region$"
shows "registry.lock attach byte=held"
shows "header magic=314745524745531a$"
shows "header max_segments=10000$"
shows "header base=$base$"
shows "header queue_length=1$"
shows "commit lock byte=free"
shows "commit lock dirty=SR_CLEAN$"
shows "table lock dirty=SR_CLEAN$"
shows "lane 0 state=USED$"
shows "lane 0 byte=held # its process lives$"
shows "lane 0 pid=$holder # holder, alive$"
shows "lane 0 label=reader$"
shows "lane 0 pages with memory=0 # 1 of 10 pages of counts$"
shows "lane 0 pins=1$"
shows "letter 0 state=FREE$"
shows "queue 0 slot=1 # segment 2, PENDING$"
debug 0 --id 2
shows "slot 1 state=PENDING$"
shows "slot 1 path=2 "
shows "slot 1 count of lane 0=1 # pid $holder \(reader\)$"
cp "$dir/lines" "$dir/by-id"
debug 0 --slot 1
cmp -s "$dir/lines" "$dir/by-id" || fail "--slot and --id differ"
expect 66 "$segctl" debug --id 77
complains "no slot"
expect 64 "$segctl" debug --slot 10000
complains "out of range"
[ "$(sha256sum "/dev/shm$region")" = "$before" ] || fail "the shared memory was changed"
[ "$(stat -c %b "/dev/shm$region")" = "$blocks" ] || fail "the shared memory got more memory"
ok "a registry in use, which does not change"

# A copy with holes, as a bug report has it.
expect 0 cp --sparse=always "/dev/shm$region" "$dir/saved"
expect 0 env -u SEGREG_REGISTRY "$segctl" debug --region "$dir/saved"
expect 0 "$segctl" debug -f "$dir/saved" -nRo VALUE --id 1
debug 0 -f "$dir/saved"
shows "file name=$dir/saved$"
shows_not "registry.lock"
shows "commit lock byte=not known$"
shows "lane 0 pid=$holder$"
shows "queue 0 slot=1 # segment 2, PENDING$"
expect 66 "$segctl" debug -f "$dir/none"
expect 64 "$segctl" debug -f "$dir"
complains "not a regular file"
: >"$dir/empty"
expect 65 "$segctl" debug -f "$dir/empty"
complains "a header has"
ok "a saved region"

# offset_of MEMBER, size_of TYPE: as the library's header has them.
constant() {
	printf '#include "%s"\n' shm/sr_layout.h stdio.h >"$dir/constant.c"
	printf 'int main(void) { printf("%%zu\\n", (size_t)(%s)); return 0; }\n' "$1" >>"$dir/constant.c"
	${CC:-cc} -D_GNU_SOURCE -I"$root/include" -iquote "$root/lib" -o "$dir/constant" "$dir/constant.c" ||
		fail "no $1"
	"$dir/constant"
}

# overwrite OFFSET BYTES: in a fresh copy of the saved region.
overwrite() {
	cp --sparse=always "$dir/saved" "$dir/damaged" || fail "cannot copy"
	printf '%b' "$2" | dd of="$dir/damaged" bs=1 seek="$1" conv=notrunc status=none ||
		fail "cannot write to the copy"
}

overwrite "$(constant 'offsetof(struct sr_header, index_bits)')" '\x4d'
debug 65 -f "$dir/damaged"
shows "header index_bits=77 # out of range: 10 to 15 DAMAGED$"
[ "$(grep -c DAMAGED "$dir/lines")" -eq 1 ] || fail "more is damaged: $(grep DAMAGED "$dir/lines")"
debug 65 -f "$dir/damaged" --damaged
[ "$(wc -l <"$dir/lines")" -eq 1 ] || fail "--damaged shows more"
debug 65 -f "$dir/damaged" --id 2
shows "slot 1 index=not known # index_bits 77 is out of range DAMAGED$"
shows "slot 1 path=2 "
expect 65 "$segctl" debug -f "$dir/damaged"
says "damaged: out of range: 10 to 15"

overwrite "$(constant 'offsetof(struct sr_header, max_lanes)')" '\xff\xff\xff\xff'
debug 65 -f "$dir/damaged"
shows "header max_lanes=4294967295 # out of range: 1 to 16384.* DAMAGED$"
shows "commit lock dirty=SR_CLEAN$"
shows_not "lane"
expect 65 "$segctl" debug -f "$dir/damaged" --slot 1
complains "limits"

overwrite "$(constant 'offsetof(struct sr_header, lock[SR_LOCK_TABLE].dirty)')" '\x09'
debug 65 -f "$dir/damaged"
shows "table lock dirty=9 # not a value of enum sr_dirt DAMAGED$"

overwrite "$(constant 'offsetof(struct sr_header, lane_top)')" '\x00'
debug 65 -f "$dir/damaged"
shows "lane 0 state=USED # not below lane_top, so no sweep sees it DAMAGED$"

overwrite 0 'x'
debug 65 -f "$dir/damaged"
shows "header magic=.* # not 314745524745531a.* DAMAGED$"
shows "queue 0 slot=1"

head -c 8192 "$dir/saved" >"$dir/damaged"
debug 65 -f "$dir/damaged"
shows "file size=8192 # the limits in the header make [0-9]* DAMAGED$"
ok "damaged regions: the value that is wrong is shown as such, and the others are shown"

# A process that is stopped with the commit lock, in the midst of a change.
${CC:-cc} ${SAN_FLAGS-} -D_GNU_SOURCE -I"$root/include" -o "$dir/stopper" "$root/tests/cli/stopper.c" \
	"$build/libsegreg-testing.a" -llmdb -pthread || fail "cannot build the stopper"
is_stopped() {
	grep -q '^State:.T' "/proc/$stopper/status"
}

mkdir "$base/3"
"$dir/stopper" "$SEGREG_REGISTRY" change.committing 3 3 &
stopper=$!
children+=("$stopper")
eventually is_stopped
debug 0
shows "commit lock byte=held # a process has the lock$"
shows "commit lock owner=$stopper # stopper, stopped$"
shows "commit lock dirty=SR_DIRTY # its holder is changing what it guards$"
shows "commit lock mutex=$stopper # this thread has it$"
shows "table lock byte=free"
shows "lane 1 label=stopper$"
expect 0 "$segctl" debug
says "stopper, stopped"
ok "who has the commit lock, and that it is in the midst of a change"

end "$stopper" KILL
debug 0
shows "commit lock byte=free"
shows "commit lock owner=$stopper # took it last; dead$"
shows "commit lock dirty=SR_DIRTY # a holder died or failed in a change: the next holder repairs$"
shows "lane 1 byte=free # its process is gone"
expect 0 "$segctl" register 3 3
debug 0
shows "commit lock dirty=SR_CLEAN$"
ok "a death with the commit lock, and the repair"
