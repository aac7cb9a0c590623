/*
 * segctl_run.c - segctl inside this process: all of it but the end of main, which closes stdout.
 *
 * Three calls are replaced when the program is linked: execvp, so that "segctl hold" starts nothing; segreg_wait, so that "segctl
 * wait" does not; and in config.c log_say.
 */
#include "fuzz.h"

int segctl_main(int argc, char **argv);
#define main segctl_main
#include "../../daemon/segctl.c"

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
