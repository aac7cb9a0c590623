#!/usr/bin/env bash
# gdb: the pretty printers of tests/gdb/segreg.py show what the library's structs say, in a process and in a core.
. "$(dirname "$0")/lib.sh"

skip() {
	echo "skipped: $*"
	exit 77
}

command -v gdb >/dev/null || skip "gdb is not installed"
gdb -nx -batch -ex 'python print("has", "python")' 2>&1 | grep -q "has python" || skip "this gdb has no Python"
${CC:-cc} ${SAN_FLAGS-} -g -D_GNU_SOURCE -I"$root/include" -o "$dir/sample" "$root/tests/gdb/sample.c" \
	"$build/libsegreg.a" -llmdb -pthread || fail "cannot build the sample"
readelf -S "$build/libsegreg.a" 2>/dev/null | grep -q debug_info || skip "the library was built without -g"

new_registry
segment 1
segment 2

# in_gdb COMMAND...: what gdb prints is in $dir/out.
in_gdb() {
	local arguments=() command

	for command; do
		arguments+=(-ex "$command")
	done
	DEBUGINFOD_URLS='' gdb -nx -batch -ex 'set pagination off' -ex "source $root/tests/gdb/segreg.py" \
		"${arguments[@]}" >"$dir/out" 2>"$dir/err" </dev/null
}

# The core of a sanitizer's process has terabytes of shadow memory: it would fill the disk.
core="generate-core-file $dir/core"
[ -z "${SAN_FLAGS-}" ] || core='printf "no core\n"'

in_gdb "file '$dir/sample'" "set args '$SEGREG_REGISTRY'" "break here" "run" 'printf "stopped\n"' "up 0" \
	"set print pretty on" 'print *reg' 'print *reg->registry' 'print *reg->lane_head' \
	'print reg->region.slots[0]' 'print reg->region.slots[1]' \
	'print reg->region.header->lock[0]' 'print reg->row->letter' 'print $sr_word(reg->region.slots[1].word)' \
	'print $sr_cell(*(unsigned long *)((char *)reg->row + 4096))' 'print $sr_hash(1)' \
	'print/r reg->region.slots[0]' \
	'set var reg->lane_head->state = 9' 'print *reg->lane_head' 'set var reg->row->letter.state = 3' \
	'set var reg->row->letter.code = -3' 'print reg->row->letter' 'set var reg->lane_head->state = 1' \
	"$core" 'set var reg->magic = 0' 'print *reg' 'kill'
if ! grep -q stopped "$dir/out" && grep -qiE 'ptrace|not permitted' "$dir/err"; then
	skip "processes may not be traced here"
fi
says "= handle with lane 0, epoch 1, of registry \"$SEGREG_REGISTRY\""
says "lane_head = SR_LANE_USED, epoch 1, process "
says "\"sample\", uid $(id -u), 512 cells, counts"
says "= registry \"$SEGREG_REGISTRY\", 1 handles, shared memory \"/segreg-"
says "region.header = region of registry "
says "SR_LOCK_TABLE = SR_CLEAN, last taken by process"
says "base = \"$base\""
says "max_segments = 1048576"
says "= segment 1, SR_LIVE, generation 0"
says "= segment 2, SR_PENDING, generation 0"
says "= SR_CLEAN, last taken by process "
says "= SR_LETTER_FREE, seq 0, 0 bytes"
says '= "SR_PENDING, generation 0"'
says '= "SEGREG_SNAPSHOT of version 2"'
says '"0x9e3779b97f4a7c15"'
says "word = 2"
says "= 9 (no sr_lane_state), epoch 1"
says "SR_LETTER_DONE, seq 0, 0 bytes, SEGREG_E_EXISTS: \"\""
says "= no open handle: closed, or of the parent process"
ok "the printers show what the structs say in a process"

if [ -n "${SAN_FLAGS-}" ]; then
	skipped "the printers on a core: a sanitizer's process has terabytes of shadow memory"
else
	[ -s "$dir/core" ] || fail "no core"
	in_gdb "file '$dir/sample'" "core-file $dir/core" 'up 0' 'print *reg' 'print *reg->lane_head' \
		'print *reg->registry'
	says "handle with lane 0, epoch 1, of registry \"$SEGREG_REGISTRY\""
	grep -qE '= (\(not in this core\)|SR_LANE_USED, epoch 1)' "$dir/out" ||
		fail "the lane is neither shown nor missing"
	ok "the printers show a core, also without its shared memory"
fi

# Where the testing build stops, with the commit lock held.
${CC:-cc} ${SAN_FLAGS-} -g -D_GNU_SOURCE -I"$root/include" -o "$dir/stopper" "$root/tests/cli/stopper.c" \
	"$build/libsegreg-testing.a" -llmdb -pthread || fail "cannot build the stopper"
mkdir "$base/3"
in_gdb "file '$dir/stopper'" "set args '$SEGREG_REGISTRY' none 3 3" \
	"sr-stop change.committing" "sr-stop nowhere" "run" \
	'print change->reg->registry->locks.word[0]' 'kill'
says "= SR_DIRTY, last taken by process "
says ", mutex of thread "
complains "no such point; there are: ahead.found, "
ok "a stop point is found by its name"
