# lib.sh - what the scripts here share. Each is run as "tests/cli/NAME.sh BUILD", says "ok ..." for what it has seen,
# and ends at the first thing that is wrong. All files lie in one temporary directory; only processes started here are
# ever signalled. A build with a sanitizer needs SAN_FLAGS=-fsanitize=... in the environment, for the holder.
set -u

[ $# -eq 1 ] || { echo "usage: $0 BUILD" >&2; exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd) || exit 2
build=$(cd "$1" && pwd) || exit 2
segctl=$build/segctl
segregd=$build/segregd
dir=$(mktemp -d) || exit 2
base=$dir/data
children=()
unset SEGREG_REGISTRY
exec 3>&2 # where stderr is silenced: the shell has its own words for the death of a child

clean_up() {
	local pid

	for pid in ${children[@]+"${children[@]}"}; do
		kill -9 "$pid" && wait "$pid"
	done
	# A registry leaves its shared memory behind for the next to open it, but nobody will.
	grep -ahoE '^region /segreg-[0-9a-f]+' "$dir"/*/registry.lock | while read -r _ region; do
		rm -f "/dev/shm$region"
	done
	rm -rf "$dir"
} 2>/dev/null
trap clean_up EXIT

ok() {
	echo "ok $*"
}

skipped() {
	echo "skipped $*"
}

fail() {
	echo "FAILED: $*" >&3
	[ -s "$dir/out" ] && sed 's/^/  stdout: /' "$dir/out" >&3
	[ -s "$dir/err" ] && sed 's/^/  stderr: /' "$dir/err" >&3
	[ -s "$dir/log" ] && sed 's/^/  log: /' "$dir/log" >&3
	exit 1
}

# expect STATUS COMMAND...: its output is in $dir/out and $dir/err.
expect() {
	local want=$1 status
	shift
	"$@" >"$dir/out" 2>"$dir/err"
	status=$?
	[ "$status" -eq "$want" ] || fail "$* ended with $status, not $want"
	[ "$want" -eq 0 ] || [ -s "$dir/err" ] || [ -s "$dir/out" ] || fail "$* failed without a word"
}

# says WORDS, complains WORDS: that is in the last command's stdout, stderr.
says() {
	grep -qF -- "$1" "$dir/out" || fail "no '$1' on stdout"
}

complains() {
	grep -qF -- "$1" "$dir/err" || fail "no '$1' on stderr"
}

is_silent() {
	[ ! -s "$dir/out" ] || fail "unexpected output"
}

# Seconds after which a test takes something for hung. A loaded machine is slow: no test waits for a time to pass.
patience=$((120 * ${T_PATIENCE:-1}))

# eventually COMMAND...: it succeeds before patience ends.
eventually() {
	local deadline=$((SECONDS + patience))

	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -le "$deadline" ] || fail "waited in vain for: $*"
		sleep 0.01
	done
}

new_registry() {
	mkdir "$base" || exit 1
	export SEGREG_REGISTRY=$dir/registry
	expect 0 "$segctl" init --base "$base"
}

# segment ID [KILOBYTES]: a directory of that name with a file in it, registered.
segment() {
	mkdir "$base/$1" || exit 1
	head -c "$((${2-4} * 1024))" /dev/urandom >"$base/$1/data"
	expect 0 "$segctl" register "$1" "$1"
}

is_gone() {
	[ ! -e "$base/$1" ] && ! "$segctl" show "$1"
}

is_there() {
	[ -s "$base/$1/data" ] || fail "segment $1 is gone"
}

# column ID NAME: what segctl ls says about it.
column() {
	"$segctl" ls --noheadings --raw -o "ID,$2" | awk -v id="$1" '$1 == id { print substr($0, length($1) + 2) }'
}

# hold LABEL ID...: a process that pins these; its pid is $holder then.
hold() {
	# shellcheck disable=SC2086
	[ -x "$dir/holder" ] || ${CC:-cc} ${SAN_FLAGS-} -D_GNU_SOURCE -I"$root/include" -o "$dir/holder" \
		"$root/tests/cli/holder.c" "$build/libsegreg.a" -llmdb -pthread || fail "cannot build the holder"
	: >"$dir/holder.out"
	"$dir/holder" "$SEGREG_REGISTRY" "$@" >"$dir/holder.out" &
	holder=$!
	children+=("$holder")
	eventually grep -q ready "$dir/holder.out"
}

has_ended() {
	! kill -0 "$1" || grep -q '^State:.Z' "/proc/$1/status"
}

# end PID SIGNAL: returns the process's exit status.
end() {
	kill -s "$2" "$1" || fail "process $1 is gone already"
	eventually has_ended "$1"
	wait "$1"
} 2>/dev/null

# serve OPTION...: a segregd; its pid is $daemon then, what it says is in $dir/log. A shell would have it ignore SIGINT.
serve() {
	: >"$dir/log"
	env --default-signal=INT "$segregd" "$@" 2>"$dir/log" &
	daemon=$!
	children+=("$daemon")
	eventually logged serving
}

stop() {
	end "$daemon" TERM || fail "segregd ended with $?"
}

logged() {
	grep -qF -- "$1" "$dir/log"
}

# $tracer: a program that shows, kills or fails another one by its system calls; see tracer.c.
build_tracer() {
	tracer=$dir/tracer
	${CC:-cc} -D_GNU_SOURCE -o "$tracer" "$root/tests/cli/tracer.c" || fail "cannot build the tracer"
	export ASAN_OPTIONS=detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS} # that needs ptrace for itself
	"$tracer" kill 1000000 /bin/true
	[ $? -eq 99 ] || { skipped "this process may not trace its children"; exit 0; }
}
