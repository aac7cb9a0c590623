#!/usr/bin/env bash
# A reader that does not read what segctl and segregd write holds up no other process.
# Such readers are: a full pipe, a stopped terminal, a service manager that hangs.
. "$(dirname "$0")/lib.sh"

new_registry
for i in {1..20}; do
	segment "$i"
done
mkfifo "$dir/pipe"
exec 9<>"$dir/pipe"
fill() {
	dd if=/dev/zero of="$dir/pipe" oflag=nonblock bs=4096 status=none 2>/dev/null
	dd if=/dev/zero of="$dir/pipe" oflag=nonblock bs=1 status=none 2>/dev/null
}
drained() {
	timeout 1 dd if="$dir/pipe" iflag=nonblock bs=65536 status=none 2>/dev/null | tr -d '\0' >>"$dir/said"
	grep -qF -- "$1" "$dir/said"
}
# Wait until the process or its child waits for the reader. Where the kernel does not show that, the test goes on after
# 3 seconds.
comes_to_write() {
	local i

	for i in {1..300}; do
		cat "/proc/$1/wchan" $(sed -E 's|[0-9]+|/proc/&/wchan|g' "/proc/$1/task/$1/children") 2>/dev/null |
			grep -q pipe_write && return
		sleep 0.01
	done
}
swept() {
	"$segctl" sweep && is_gone "$1"
}

: >"$dir/said"
fill
"$segctl" hold -- "$dir/nothing" 2>"$dir/pipe" &
holding=$!
children+=("$holding")
comes_to_write "$holding"
expect 0 "$segctl" retire 1
eventually swept 1
has_ended "$holding" && fail "it did not wait for its reader"
eventually drained "segctl: hold: cannot run $dir/nothing: No such file or directory"
wait "$holding"
[ $? -eq 127 ] || fail "a command that is not there is not 127"
ok "segctl hold of a command that cannot be run holds nothing while it says so"

: >"$dir/said"
fill
mkdir "$base/20/unreadable"
mv "$base/20" "$dir/aside"
"$segctl" backup "$dir/backup" 2>"$dir/pipe" &
backing=$!
children+=("$backing")
comes_to_write "$backing"
expect 0 "$segctl" retire 2
eventually swept 2
has_ended "$backing" && fail "it did not wait for its reader"
eventually drained "segctl: backup: cannot look at $base/20: No such file or directory"
wait "$backing"
[ $? -eq 74 ] || fail "a backup that failed is not 74"
mv "$dir/aside" "$base/20"
ok "segctl backup that failed holds nothing while it says so"

command -v python3 >/dev/null || {
	skipped "terminals and service managers: no python3 to play them"
	exit 0
}

# terminal UID COMMAND...: the stderr of the command is a terminal with little room. For user 0 it is stopped, for
# another user it is ready. $dir/pid has the pid of the command, and $dir/status its status when it has ended.
terminal() {
	rm -f "$dir/pid" "$dir/status"
	python3 -c 'import os, pty, select, subprocess, sys, termios, time
uid = int(sys.argv[2])
main, side = pty.openpty()
os.fchmod(side, 0o600)
if uid:
    ready = select.poll()
    ready.register(side, select.POLLOUT)
    os.set_blocking(side, False)
    full = 0
    while full < 3:
        try:
            os.write(side, b"x" * 64)
        except BlockingIOError:
            full += 1
            time.sleep(0.05)
    while not ready.poll(50): os.read(main, 64)
    os.set_blocking(side, True)
else:
    termios.tcflow(side, termios.TCOOFF)
def other():
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
child = subprocess.Popen(sys.argv[3:], stderr=side, stdout=open(sys.argv[1] + "/out", "w"),
                         preexec_fn=other if uid else None)
def put(name, number):
    with open(sys.argv[1] + "/new", "w") as file: file.write(str(number))
    os.rename(sys.argv[1] + "/new", sys.argv[1] + "/" + name)
put("pid", child.pid)
put("status", child.wait())' "$dir" "$@" &
	children+=("$!")
	eventually test -s "$dir/pid"
	child=$(cat "$dir/pid")
	children+=("$child")
}

expect 0 "$segctl" retire 3 4 5
terminal 0 "$segctl" sweep
eventually test -s "$dir/status"
for i in 3 4 5; do
	eventually is_gone "$i"
done
[ "$(cat "$dir/status")" -eq 0 ] || fail "the sweep ended with $(cat "$dir/status")"
ok "a stopped terminal stops no sweep that shows its progress there"

terminal 0 "$segregd" --log-format plain
expect 0 "$segctl" retire 6 7
eventually is_gone 6
eventually is_gone 7
kill "$child"
eventually test -s "$dir/status"
[ "$(cat "$dir/status")" -eq 0 ] || fail "segregd ended with $(cat "$dir/status")"
ok "a stopped terminal stops neither segregd's deletions nor SIGTERM"

# Another user's terminal cannot be opened once more. The line about the start is longer than its room.
if [ "$(id -u)" -eq 0 ]; then
	long=$dir/$(printf "%200s/" "" "" "" "" "" "" "" | tr " " x)
	mkdir -p "$long/data/8"
	expect 0 "$segctl" init -r "$long/registry" --base "$long/data"
	expect 0 "$segctl" register -r "$long/registry" 8 8
	chmod 755 "$dir"
	chown -R 65534:65534 "$long"
	terminal 65534 "$segregd" --log-format plain "$long/registry"
	expect 0 "$segctl" retire -r "$long/registry" 8
	eventually test ! -e "$long/data/8"
	kill "$child"
	eventually test -s "$dir/status"
	[ "$(cat "$dir/status")" -eq 0 ] || fail "segregd ended with $(cat "$dir/status")"
	grep -aoE '^region /segreg-[0-9a-f]+' "$long/registry/registry.lock" | while read -r _ region; do
		rm -f "/dev/shm$region"
	done
	ok "nor does another user's terminal that has room for a part of a line"
else
	skipped "another user's terminal: needs root"
fi

# A manager whose queue is full, and who reads when there is a file "read".
python3 -c 'import os, socket, sys, time
place = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(place + "/notify.new")
c = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
c.connect(place + "/notify.new")
def fill():
    try:
        while True: c.send(b"x", socket.MSG_DONTWAIT)
    except BlockingIOError:
        pass
fill()
os.rename(place + "/notify.new", place + "/notify")
while not os.path.exists(place + "/read"): time.sleep(0.01)
while True:
    text = s.recv(1000).decode()
    if text != "x": print(text, flush=True)
    if "READY" in text:
        fill()
        print("full", flush=True)
        while True: time.sleep(1000)' "$dir" >"$dir/notified" &
children+=("$!")
eventually test -S "$dir/notify"
NOTIFY_SOCKET=$dir/notify WATCHDOG_USEC=200000 serve
expect 0 "$segctl" retire 10
eventually is_gone 10
: >"$dir/read"
eventually grep -q full "$dir/notified"
grep -q "READY=1" "$dir/notified" || fail "what found no room was lost"
expect 0 "$segctl" retire 11
eventually is_gone 11
stop
ok "a service manager that hangs stops neither deletions nor SIGTERM, and hears of the start when it reads"
