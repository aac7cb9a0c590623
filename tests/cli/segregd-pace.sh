#!/usr/bin/env bash
# When segregd hurries, and when it waits: patience, and memory that is short.
. "$(dirname "$0")/lib.sh"

new_registry
mkdir "$dir/prom"
# counted NAME N: so say the metrics.
counted() {
	grep -q "^segreg_$1{.*} $2\$" "$dir/prom/"*.prom
}
left() {
	find "$base" -maxdepth 1 -name "$1" | wc -l
}
for i in {10..25}; do
	segment "$i"
done
expect 0 "$segctl" retire {10..25}
serve --pace-files 1 -m "$dir/prom"
eventually logged "deleted 1"
[ "$(left '2?')" -gt 0 ] || fail "deleted without a pace"
stop
serve --pace-files 1 --patience 0.001 -m "$dir/prom"
eventually is_gone 25
eventually counted hurried_sweeps_total '[1-9][0-9]*'
[ "$(left '??')" -eq 0 ] || fail "something is left"
stop
ok "what is overdue is deleted without a pace"

for i in 30 31; do
	segment "$i"
	echo more >"$base/$i/more"
done
expect 0 "$segctl" retire 30 31
serve --pace 1
eventually test ! -e "$base/30" -o ! -e "$base/31"
stop
[ "$(ls "$base/.segreg-trash")" ] || fail "deleted without a pace"
serve --pace 1 --patience 0.001
eventually is_gone 30
eventually is_gone 31
stop
ok "a sweep does not wait for its pace when segregd is to end, or when it is late"

segment 40
segment 41
hold reader 40
expect 0 "$segctl" retire 40
serve --pace-files 1 --patience 0.001
eventually logged "held 40"
segment 42
expect 0 "$segctl" retire 41 42
eventually is_gone 41
eventually is_gone 42
end "$holder" KILL
eventually is_gone 40
stop
ok "what is held is not overdue"

if [ "$(id -u)" != 0 ] || ! unshare -m true 2>"$dir/err" || [ ! -e /proc/pressure/memory ]; then
	skipped "memory that is short: needs root, mount namespaces and /proc/pressure"
	exit 0
fi
pressure() {
	echo "some avg10=$1 avg60=0.00 avg300=0.00 total=0" >"$dir/pressure"
}
pressure 50.00
segment 30
segment 31
expect 0 "$segctl" retire 30
cat >"$dir/under-pressure" <<'SCRIPT'
mount --bind "$1" /proc/pressure/memory || exit 1
shift
exec "$@"
SCRIPT
: >"$dir/log"
env --default-signal=INT unshare -m sh "$dir/under-pressure" "$dir/pressure" "$segregd" \
	--pressure 20 -m "$dir/prom" 2>"$dir/log" &
daemon=$!
children+=("$daemon")
eventually logged "memory is short: 50 % of time is lost to that; sweeps wait"
is_there 30
pressure 20.00
eventually logged "sweeps go on"
eventually is_gone 30
eventually counted sweep_waits_total 1
: >"$dir/pressure"
segment 32
expect 0 "$segctl" retire 32
eventually is_gone 32
eventually logged "/proc/pressure/memory cannot be read"
[ "$(grep -c "cannot be read" "$dir/log")" -eq 1 ] || fail "one trouble, many words"
stop
pressure 50.00
expect 0 "$segctl" retire 31
: >"$dir/log"
env --default-signal=INT unshare -m sh "$dir/under-pressure" "$dir/pressure" "$segregd" \
	--pressure 20 --free 100 2>"$dir/log" &
daemon=$!
children+=("$daemon")
eventually is_gone 31
stop
ok "sweeps wait while memory is short, but not on a disk that is"
