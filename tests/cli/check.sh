#!/usr/bin/env bash
# check: what is wrong is found, what is not is not, and only what is asked for is repaired.
. "$(dirname "$0")/lib.sh"

new_registry
expect 0 "$segctl" check
says "0 faults, 0 strangers"
for i in 1 2 3; do
	segment $i
done
mkdir -p "$base/deep/er"
mkdir "$base/deep/er/4" "$base/deep/er/5"
expect 0 "$segctl" register 4 deep/er/4
expect 0 "$segctl" register 5 deep/er/5
hold reader 3
expect 0 "$segctl" retire 3
expect 0 "$segctl" sweep
expect 0 "$segctl" check
says "0 faults, 0 strangers"
ok "nothing is wrong with what is live, retired and deep"

touch "$base/stray" "$base/deep/astray"
mkdir -p "$base/lost/and" "$base/deep/er/45"
touch "$base/lost/and/found"
ln -s /etc "$base/link"
expect 0 "$segctl" check
says "0 faults, 5 strangers"
expect 65 "$segctl" check --strangers -nRo PATH
[ "$(sort "$dir/out" | tr '\n' ' ')" = "deep/astray deep/er/45 link lost stray " ] ||
	fail "other strangers: $(cat "$dir/out")"
ok "strangers are shown, and are no fault"

mv "$base/1" "$base/aside"
mv "$base/2" "$base/2-aside"
mkdir "$base/2"
mv "$base/3" "$base/3-aside"
expect 65 "$segctl" check -nRo FOUND,ID
[ "$(grep -v stranger "$dir/out" | sort | tr '\n' ' ')" = "missing 1 missing 3 replaced 2 " ] ||
	fail "found: $(cat "$dir/out")"
expect 65 "$segctl" check --json
python3 -c '
import json, sys
findings = json.load(sys.stdin)["findings"]
assert len([f for f in findings if f["id"] == 2 and f["path"] == "2"]) == 1' <"$dir/out" || fail "JSON"
ok "what is missing or replaced is found"

expect 65 "$segctl" check --forget-missing
expect 66 "$segctl" show 1
expect 0 "$segctl" show 3
[ "$(column 2 STATE)" = live ] || fail "more was forgotten than what is missing"
mv "$base/3-aside" "$base/3"
rmdir "$base/2" && mv "$base/2-aside" "$base/2"
expect 0 "$segctl" check
ok "what is live and missing is forgotten when that is asked for"

# base restored file by file
for path in 2 deep/er/4 deep/er/5; do
	cp -a "$base/$path" "$base/copy" && rm -r "${base:?}/$path" && mv "$base/copy" "$base/$path"
done
expect 65 "$segctl" check -nRo FOUND,ID
[ "$(grep -c replaced "$dir/out")" -eq 3 ] || fail "restored files are not seen to be others"
expect 0 "$segctl" dump
cp "$dir/out" "$dir/dump"
expect 0 "$segctl" remove 2 4 5
expect 0 "$segctl" load "$dir/dump"
expect 0 "$segctl" check
expect 0 "$segctl" retire 4
expect 0 "$segctl" sweep
[ ! -e "$base/deep/er/4" ] || fail "segment 4 was not deleted"
ok "a base that was restored file by file is registered anew"

rm "$base/.segreg"
expect 78 "$segctl" check
complains "marker"
ok "a base that is not the registry's"
