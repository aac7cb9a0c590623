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
tmux new-session -d -x 80 -y 24 "TERM=screen '$segctl' top; echo ended with \$?; sleep 1000" ||
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
[ "$(sed -n 5p "$dir/out" | awk '{ print $1, $2, $4, $5, $6, $7 }')" = "304 KiB 1 pending 41 41" ] ||
	fail "the biggest is not the first: $(sed -n 5p "$dir/out")"
tmux send-keys NPage
eventually shows " pending +39 39$"
tmux send-keys Home
eventually shows " pending +41 41$"
tmux send-keys Tab
eventually shows "ALONE +KEPT +SEGS"
eventually shows "312 KiB +312 KiB +2 +$holder +holder \\(keeper\\) $(id -un)"
ok "segments, holders, scrolling"

end "$holder" KILL
expect 0 "$segctl" sweep
eventually shows "0 pending, 0 deleting"
ok "it sees what changes"

tmux resize-window -x 40 -y 8
eventually shows "PID +CO$"
[ "$(wc -l <"$dir/out")" -le 8 ] || fail "more lines than the terminal has"
tmux send-keys q
eventually shows "ended with 0"
tmux kill-server
ok "a smaller terminal, and its end"
