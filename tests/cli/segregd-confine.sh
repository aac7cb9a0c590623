#!/usr/bin/env bash
# Landlock: a segregd that an attacker controls cannot touch what is not the registry's.
# The attacker here is a library that is loaded into segregd.
. "$(dirname "$0")/lib.sh"

new_registry
segment 1
segment 2
segment 3
case ${SAN_FLAGS-} in
?*) skipped "a sweeper that was taken over: a sanitizer's build loads nothing before itself"; exit 0 ;;
esac

# The first deletion of a file called data is the moment at which it turns.
cat >"$dir/evil.c" <<'C'
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void attempt(const char *what, int rc)
{
	fprintf(stderr, "evil: %s: %s\n", what, rc == -1 ? strerror(errno) : "done");
}

int unlinkat(int dir, const char *name, int flags)
{
	static int turned;
	int (*real)(int, const char *, int) = (int (*)(int, const char *, int))dlsym(RTLD_NEXT, "unlinkat");
	char canary[4096], aside[4096];

	if (!strcmp(name, "data") && !turned++) {
		snprintf(canary, sizeof canary, "%s/canary", getenv("OUTSIDE"));
		snprintf(aside, sizeof aside, "%s/aside", getenv("OUTSIDE"));
		attempt("rename", rename(canary, aside));
		attempt("write", open(canary, O_WRONLY));
		attempt("read", open(canary, O_RDONLY));
		attempt("create", open(aside, O_WRONLY | O_CREAT, 0600));
		snprintf(aside, sizeof aside, "%s/second", getenv("OUTSIDE"));
		attempt("unlink", real(AT_FDCWD, aside, 0));
		attempt("run", execl("/bin/true", "true", NULL));
	}
	return real(dir, name, flags);
}
C
"${CC:-cc}" -shared -fPIC -D_GNU_SOURCE -o "$dir/evil.so" "$dir/evil.c" -ldl || fail "cannot build the library"
mkdir "$dir/outside"
echo sings | tee "$dir/outside/canary" >"$dir/outside/second"
turn() {
	OUTSIDE=$dir/outside LD_PRELOAD=$dir/evil.so "$@"
}

expect 0 "$segctl" retire 1
expect 0 turn "$segregd" --once
if grep -qF "not confined" "$dir/err"; then
	skipped "a sweeper that was taken over: this kernel has no Landlock that segregd can use"
	exit 0
fi
for what in rename write read create unlink run; do
	complains "evil: $what: Permission denied"
done
[ "$(cat "$dir/outside/canary" "$dir/outside/second" | paste -sd+)" = sings+sings ] || fail "the canary is gone"
[ ! -e "$base/1" ] || fail "segment 1 is there"
ok "a sweeper that was taken over reaches nothing outside, and its own work is done"

expect 0 "$segctl" retire 3
expect 0 turn "$segregd" --once --metrics "$dir/nowhere"
complains "evil: unlink: Permission denied"
ok "a directory for metrics that is not there is no way out"

# What stops at its first unlink is moved out of base by somebody who may.
cat >"$dir/slow.c" <<'C'
#include <dlfcn.h>
#include <signal.h>
#include <string.h>

int unlinkat(int dir, const char *name, int flags)
{
	int (*real)(int, const char *, int) = (int (*)(int, const char *, int))dlsym(RTLD_NEXT, "unlinkat");

	if (!strcmp(name, "data"))
		raise(SIGSTOP);
	return real(dir, name, flags);
}
C
"${CC:-cc}" -shared -fPIC -D_GNU_SOURCE -o "$dir/slow.so" "$dir/slow.c" -ldl || fail "cannot build the library"
is_stopped() {
	grep -q '^State:.T' "/proc/$1/status"
}
segment 4
expect 0 "$segctl" retire 4
LD_PRELOAD=$dir/slow.so "$segregd" --once 2>"$dir/log" &
sweeper=$!
children+=("$sweeper")
eventually is_stopped "$sweeper"
mv "$base"/.segreg-trash/4.* "$dir/outside/moved"
kill -CONT "$sweeper"
eventually has_ended "$sweeper"
logged "failed 4 4: it was moved away while it was being deleted" || fail "the log does not say that it was moved away"
[ -s "$dir/outside/moved/data" ] || fail "a confined segregd deleted what was moved away"
ok "what was moved out of its reach is reported as moved"

# A filter, or a unit, forbids segregd what the operator may do.
cat >"$dir/denied.c" <<'C'
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

int unlinkat(int dir, const char *name, int flags)
{
	int (*real)(int, const char *, int) = (int (*)(int, const char *, int))dlsym(RTLD_NEXT, "unlinkat");

	errno = EPERM;
	return strcmp(name, "data") ? real(dir, name, flags) : -1;
}
C
"${CC:-cc}" -shared -fPIC -D_GNU_SOURCE -o "$dir/denied.so" "$dir/denied.c" -ldl || fail "cannot build the library"
segment 5
expect 0 "$segctl" retire 5
expect 75 env LD_PRELOAD="$dir/denied.so" "$segregd" --once
complains 'failed 5 5: cannot remove "data": Operation not permitted (segctl why 5 says what helps)'
expect 0 "$segctl" why 5
says "if segctl sweep --retry-now as root succeeds, segregd's user, unit or filter forbids it"
expect 0 "$segctl" sweep --retry-now
is_gone 5 || fail "a sweep that may delete segment 5 left it"
ok "what a filter forbids, and what helps, is shown"

expect 0 "$segctl" retire 2
turn "$segregd" --once --unconfined 2>"$dir/err"
complains "evil: unlink: done"
[ -e "$dir/outside/second" ] && fail "the second canary sings, though nothing kept it from being deleted"
[ -e "$dir/outside/canary" ] && fail "the canary sings, though nothing kept it from being taken: the test tests nothing"
ok "without Landlock it does"
