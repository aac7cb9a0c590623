#!/usr/bin/env bash
# top: what it shows, how it is led, that it fits a terminal of 80 by 24 and a smaller one.
. "$(dirname "$0")/lib.sh"

new_registry
expect 64 "$segctl" top
complains "it needs a terminal"
expect 64 "$segctl" top 1
if ! command -v tmux >/dev/null; then
	skipped "top on a terminal: there is no tmux"
	exit 0
fi

for i in {1..40}; do
	segment $i
done
segment 41 300
hold keeper 7 41
expect 0 "$segctl" retire {1..41}
tmux() {
	command tmux -S "$dir/tmux" -f /dev/null "$@"
}
# A long path would leave no room for the rest of its line.
cd "$dir" || exit 1
tmux new-session -d -x 80 -y 24 "SEGREG_REGISTRY=registry TERM=screen '$segctl' top; echo ended with \$?; sleep 1000" ||
	{ skipped "top on a terminal: tmux cannot start"; exit 0; }
children+=("$(tmux display-message -p '#{pid}')")
shows() {
	tmux capture-pane -p >"$dir/out"
	grep -qE -- "$1" "$dir/out"
}
eventually shows "0 live, 41 pending, 0 deleting, 0 failed"
is_full() {
	shows pending && [ "$(grep -c pending "$dir/out")" -eq 21 ]
}
eventually is_full # a screen is drawn bit by bit
says "retired segments keep"
says "no segregd runs"
[ "$(sed -n 5p "$dir/out" | awk '{ print $1, $2, $4, $5, $6, $7, $8 }')" = "304 KiB 1 0 pending 41 41" ] ||
	fail "the biggest is not the first: $(sed -n 5p "$dir/out")"
says "1-20 of 41 by size; h help, q quit"
tmux send-keys NPage
eventually shows " pending +39 39$"
says "21-40 of 41"
tmux send-keys End
eventually shows "22-41 of 41"
tmux send-keys Home
eventually shows " pending +41 41$"
eventually shows "1-20 of 41"
tmux send-keys Tab
eventually shows "ALONE +KEPT +SEGMENTS +SINCE +PID"
eventually shows "312 KiB +312 KiB +2 +[0-9]+s +$holder +holder \\(keeper\\) $(id -un)"
eventually shows "1-2 of 2 by alone" # segctl is the other
ok "segments, processes, scrolling, the position"

tmux send-keys Tab
eventually shows "of 41 by size"
tmux send-keys s
eventually shows "of 41 by age"
tmux send-keys s
eventually shows "of 41 by pins"
tmux send-keys s s
eventually shows "of 41 by id"
is_first() {
	tmux send-keys Home # the cursor follows its row
	shows "of 41 by $1" && [ "$(sed -n 5p "$dir/out" | awk '{ print $8 }')" = "$2" ]
}
eventually is_first "id;" 1
tmux send-keys r
eventually is_first "id, reversed" 41
tmux send-keys r
eventually is_first "id;" 1
tmux send-keys s
eventually is_first "size;" 41
ok "each key of order, and the other way round"

tmux send-keys / 3 Enter
eventually shows "1-13 of 13 by size, with 3;"
tmux send-keys Escape
eventually shows "1-20 of 41 by size;"
tmux send-keys f x Escape
eventually shows "1-20 of 41 by size;"
tmux send-keys f n o p e BSpace Enter
eventually shows "no rows by size, with nop;"
tmux send-keys Escape
eventually shows "1-20 of 41 by size;"
tmux send-keys h
eventually shows "enter +of a segment: the processes that hold it"
tmux send-keys h
eventually shows "1-20 of 41 by size;"
tmux send-keys z
eventually shows "key z does nothing; h shows the keys"
tmux send-keys e
eventually shows "choose a process first: tab, or enter on a segment"
ok "a filter, help, and keys that do nothing"

# From a segment to the process that holds it, and evict that.
tmux send-keys Home Enter
eventually shows "HOLDERS OF SEGMENT 41"
eventually shows "1-1 of 1 by alone"
tmux send-keys e
eventually shows "Evict $holder holder \(keeper\): 2 pins, 0 snapshots\? y, or any other key"
tmux send-keys n
eventually shows "nothing was evicted"
[ "$("$segctl" holders -nRo PID,EVICTED | grep "^$holder ")" = "$holder no" ] || fail "evicted without a yes"
tmux send-keys e
eventually shows "Evict $holder "
tmux send-keys y
eventually shows "evicted $holder: 2 pins and snapshots"
[ "$("$segctl" holders -nRo PID,EVICTED | grep "^$holder ")" = "$holder yes" ] || fail "not evicted"
tmux send-keys Escape
eventually shows "1-20 of 41 by size;"
tmux send-keys Tab
eventually shows " $holder .*, evicted"
tmux send-keys / s e g c t l Enter
eventually shows "1-1 of 1 by alone, with segctl;"
tmux send-keys e
eventually shows "[0-9]+ is segctl itself"
tmux send-keys Tab
eventually shows "1-20 of 41 by size;"
ok "the processes of a segment are evicted after a question"

expect 0 "$segctl" lease put --floor 1 archive
tmux send-keys Tab
eventually shows " lease archive$"
tmux send-keys / l e a s e Enter
eventually shows "1-1 of 1 by alone, with lease;"
tmux send-keys e
eventually shows "a lease ends by: segctl lease drop archive"
expect 0 "$segctl" lease drop archive
tmux send-keys Tab
eventually shows "1-20 of 41 by size;"
ok "a lease, and what drops it"

end "$holder" KILL
expect 0 "$segctl" sweep
eventually shows "0 pending, 0 deleting"
ok "it sees what changes"

tmux resize-window -x 40 -y 8
eventually shows "SNAPS +STATE$"
[ "$(wc -l <"$dir/out")" -le 8 ] || fail "more lines than the terminal has"
tmux send-keys q
eventually shows "ended with 0"
tmux kill-server
ok "a smaller terminal, and its end"
