#!/usr/bin/env bash
# run-check.sh BUILD - tests/run-check runs tests side by side, counts and prints each, and an interrupt leaves nothing.
# The tests are a script in the place of segreg-tests.
. "$(dirname "$0")/../cli/lib.sh"

fake=$dir/fake
mkdir "$fake" "$dir/place"
export PLACE=$dir/place
cat >"$fake/segreg-tests" <<'TESTS'
#!/usr/bin/env bash
# What CUnit prints, and the summary of the runner.
summary() {
	printf ' tests 1 1 %d %d 0\n1 tests run, %d of them skipped\n' $((1 - $1)) "$1" "$2"
	exit "$1"
}
# meet MINE OTHERS: beside the other test, or not at all.
meet() {
	echo $$ >"$PLACE/$1"
	until [ -e "$PLACE/$2" ]; do sleep 0.01; done
	summary 0 0
}
case $1 in
here) meet here there ;;
there) meet there here ;;
only*)
	mkdir "$PLACE/only" || summary 1 0
	sleep 0.1 # another would come
	rmdir "$PLACE/only"
	summary 0 0
	;;
bad)
	mkdir "$TMPDIR/kept"
	printf '  Test: it holds ...FAILED\n    1. here.c:1  - it does not hold\n'
	summary 1 0
	;;
absent)
	echo '  Test: it holds ...(skipped: there is none) passed'
	summary 0 1
	;;
killed) kill -KILL $$ ;;
stays)
	mkdir -p "$TMPDIR/registry"
	region=segreg-$(printf %032x $$)
	: >"/dev/shm/$region"
	echo "region /$region" >"$TMPDIR/registry/registry.lock"
	echo "$TMPDIR $region" >"$PLACE/left"
	env -u TMPDIR setsid bash -c 'trap "" TERM INT HUP; echo $$ >"$PLACE/deaf"; while :; do sleep 1; done' &
	sleep 1000 & # ends by SIGTERM
	wait
	;;
esac
TESTS
chmod 755 "$fake/segreg-tests"

# check JOBS STATUS SUITE...: what run-check prints is in $dir/out.
check() {
	local jobs=$1 status=$2

	shift 2
	JOBS=$jobs expect "$status" "$root/tests/run-check" "$fake" "$@"
}

check 2 0 here there
says "2 passed, 0 failed, 0 skipped"
check 1 0 only-1 only-2 only-3
says "3 passed, 0 failed, 0 skipped"
ok "JOBS tests run side by side"

check 3 1 only bad absent killed
says "1. here.c:1  - it does not hold"
[ -d "$(sed -n 's/^files that this test has left: //p' "$dir/out")/kept" ] || fail "what a failed test keeps is gone"
says "suite absent: 1 test skipped: there is none"
says "FAILED: suite killed ended with status 137 and without a summary"
[ "$(tail -n 1 "$dir/out")" = "1 passed, 2 failed, 1 skipped" ] || fail "the last line counts otherwise"
check 2 1 absent
check x 2 only
complains 'not "x"'
ok "what fails, is skipped or killed is counted and printed"

for signal in INT TERM; do
	rm -rf "$PLACE" && mkdir "$PLACE"
	JOBS=2 env --default-signal=INT "$root/tests/run-check" "$fake" stays only >"$dir/out" 2>"$dir/err" &
	run=$!
	children+=("$run")
	eventually test -s "$PLACE/deaf"
	end "$run" "$signal"
	status=$?
	read -r tmp region <"$PLACE/left"
	[ "$status" -gt 128 ] || fail "after SIG$signal it ends with $status"
	has_ended "$(cat "$PLACE/deaf")" || fail "after SIG$signal a process is left"
	[ ! -e "/dev/shm/$region" ] || fail "after SIG$signal shared memory is left"
	[ ! -e "$(dirname "$(dirname "$tmp")")" ] || fail "after SIG$signal files are left"
done
ok "an interrupt ends all that was started, and leaves nothing"

# The real runner removes the worlds of the test that it ends. In a /dev/shm of its own nobody else's are.
# shellcheck disable=SC2016
if unshare --mount sh -c 'mount -t tmpfs tmpfs /dev/shm' 2>"$dir/err"; then
	expect 0 env --default-signal=INT unshare --mount bash -c 'mount -t tmpfs tmpfs /dev/shm
		TMPDIR=/dev/shm "$1/segreg-tests" points & runner=$!
		until compgen -G "/dev/shm/segreg-test-*/registry/registry.lock" >/dev/null; do sleep 0.01; done
		kill -TERM $runner
		wait $runner
		[ $? = 143 ] && [ -z "$(ls /dev/shm)" ] || { ls -R /dev/shm >&2; exit 1; }' bash "$build"
	ok "a runner that is ended removes the files and the shared memory of its test"
else
	skipped "the files of a runner that is ended: needs root, for a /dev/shm of its own"
fi
