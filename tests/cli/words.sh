#!/usr/bin/env bash
# An error message names the next command.
. "$(dirname "$0")/lib.sh"

# hint STATUS WORDS COMMAND...: it fails so, and says what to do.
hint() {
	local status=$1 words=$2
	shift 2
	expect "$status" "$@"
	complains "$words"
}

new_registry
segment 1
hint 66 "segctl init" "$segctl" ls -r "$dir/nowhere"
hint 66 "segctl log 9" "$segctl" show 9
hint 66 "segctl log 9" "$segctl" retire 9
hint 66 "segctl log 9" "$segctl" remove 9
hint 66 "segctl ls" "$segctl" pin 9 -- true
hint 73 "segctl init --adopt --base" "$segctl" init --base "$dir"
hint 73 "segctl dump, load" "$segctl" init --max-segments 5
hint 64 "building, live, pending or deleting" "$segctl" ls -s dead
mkdir "$dir/full" && : >"$dir/full/file"
hint 73 "give a directory that is new or empty" "$segctl" backup "$dir/full"
expect 0 "$segctl" backup "$dir/backup"
mkdir "$dir/other"
expect 0 "$segctl" init -r "$dir/other/registry"
hint 73 "of this registry's own" "$segctl" backup -r "$dir/other/registry" "$dir/backup"
hint 75 "segctl holders" "$segctl" hold -- "$segctl" init --adopt
ok "segctl tells the next command"

expect 0 "$segctl" retire 1
rmdir "$base/.segreg-trash"
: >"$base/.segreg-trash"
hint 66 "move it away" "$segctl" sweep
rm "$base/.segreg-trash"
expect 0 "$segctl" sweep
expect 75 "$segctl" wait -t 0.1
grep -q "end that process" "$dir/err" && fail "it advises to end a process that it does not name"
ok "and tells none that does not help"

mkdir "$dir/tiny" "$dir/tiny/data"
expect 0 "$segctl" init -r "$dir/tiny/registry" --base "$dir/tiny/data" --max-segments 1 --max-lanes 2
mkdir "$dir/tiny/data/1" "$dir/tiny/data/2"
expect 0 "$segctl" register -r "$dir/tiny/registry" 1 1
hint 69 "segctl why" "$segctl" register -r "$dir/tiny/registry" 2 2
hint 69 "segctl holders" env SEGREG_REGISTRY="$dir/tiny/registry" "$segctl" hold -- "$segctl" hold -- "$segctl" ls
ok "limits that are reached"
