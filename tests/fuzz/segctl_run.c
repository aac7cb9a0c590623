/*
 * segctl_run.c - segctl inside this process: all of it but the end of main, which closes stdout.
 *
 * Calls are replaced when the program is linked: execvp, so that "segctl hold" starts nothing; segreg_wait, so that
 * "segctl wait" does not; sr_sys_sleep, since "segctl sweep --pace 1" would delete one byte a second; and in config.c
 * log_say.
 */
#include "fuzz.h"
#include "sys/sr_sys.h"

int segctl_main(int argc, char **argv);
#define main segctl_main
#include "segctl/segctl.c"

int fuzz_segctl_run(int argc, char **argv)
{
	return run(argc, argv);
}

int __wrap_execvp(const char *file, char *const argv[]);
int __wrap_execvp(const char *file, char *const argv[])
{
	(void)file, (void)argv;
	errno = ENOENT;
	return -1;
}

int __real_segreg_wait(struct segreg *reg, uint64_t version, int timeout_ms, uint64_t *now);
int __wrap_segreg_wait(struct segreg *reg, uint64_t version, int timeout_ms, uint64_t *now);
int __wrap_segreg_wait(struct segreg *reg, uint64_t version, int timeout_ms, uint64_t *now)
{
	return __real_segreg_wait(reg, version, timeout_ms < 0 || timeout_ms > 1 ? 1 : timeout_ms, now);
}

/* What is not slept, the clock goes ahead: who waits in pieces looks at it. */
static int64_t ahead;

void __real_sr_sys_sleep(int64_t nanoseconds);
void __wrap_sr_sys_sleep(int64_t nanoseconds);
void __wrap_sr_sys_sleep(int64_t nanoseconds)
{
	int64_t most = 1000;

	if (nanoseconds > most)
		ahead += nanoseconds - most;
	__real_sr_sys_sleep(nanoseconds < most ? nanoseconds : most);
}

int64_t __real_sr_sys_monotonic(void);
int64_t __wrap_sr_sys_monotonic(void);
int64_t __wrap_sr_sys_monotonic(void)
{
	return __real_sr_sys_monotonic() + ahead;
}
