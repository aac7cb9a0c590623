#!/usr/bin/env bash
# The examples of segctl.1, taken from the page and run as they stand there.
. "$(dirname "$0")/lib.sh"

# recipe WORDS: the example below the sentence that begins so.
recipe() {
	awk -v words="$1" 'index($0, words) == 1 { found = 1 } found && /^\.Ed/ { exit }
		inside { print } found && /^\.Bd/ { inside = 1 }' \
		"$root/daemon/segctl/segctl.1" >"$dir/recipe"
	[ -s "$dir/recipe" ] || fail "no example that begins '$1'"
}
mkdir "$dir/bin"
ln -s "$segctl" "$dir/bin/segctl"
PATH=$dir/bin:$PATH
run() {
	(cd "$dir" && exec bash "$dir/recipe")
}

new_registry
segment 42 100
segment 7
recipe "Back up a segment"
expect 0 run
expect 0 tar -C "$dir" -tf "$dir/backup-42.tar"
says ./data
ok "back up a segment"

hold worker 7
recipe "Drain a host"
mkfifo "$dir/looked"
cat >"$dir/bin/sleep" <<'SLEEP'
#!/bin/sh
echo looked >looked
SLEEP
chmod +x "$dir/bin/sleep"
run &
draining=$!
children+=("$draining")
read -r _ <"$dir/looked" # it looked, and saw the worker
read -r _ <"$dir/looked"
end "$holder" TERM
cat "$dir/looked" >/dev/null &
children+=("$!")
rm "$dir/bin/sleep"
expect 0 "$segctl" sweep
eventually has_ended "$draining"
wait "$draining" || fail "draining ended with $?"
expect 1 env SEGREG_REGISTRY="$dir/nowhere" bash "$dir/recipe"
ok "drain a host"

hold small 7
small=$holder
mv "$dir/holder.out" "$dir/small.out" # the next hold writes to another
hold leak 42
leak=$holder
expect 0 "$segctl" retire 7 42
recipe "Find a leak"
expect 0 run
says "2 retired segments keep"
says "(leak)"
eventually has_ended "$leak"
has_ended "$small" && fail "the wrong one was ended"
wait "$leak" # its number is nobody's now, but its handle is listed until a sweep
kill -USR1 "$small"
eventually grep -q unpinned "$dir/small.out"
run >"$dir/out" 2>"$dir/err"
[ ! -s "$dir/err" ] || fail "the number of a dead process was killed"
has_ended "$small" && fail "one that keeps nothing was ended"
says "segctl sweep takes back what dead processes hold"
ok "find a leak"

recipe "Alert on age"
expect 0 run
sed -i 's/3600/-1/' "$dir/recipe"
expect 1 run
says " 7 7"
expect 66 env SEGREG_REGISTRY="$dir/nowhere" bash "$dir/recipe"
ok "alert on age"

segment 1
recipe "Wait for a version"
sed -i 's/-t 60/-t 1/' "$dir/recipe"
expect 0 run
says "has 1 segments"
ok "wait for a version"
