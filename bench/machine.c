/*
 * machine.c - what the figures were measured on.
 */
#include "result.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#define COPY(to, from) snprintf(to, sizeof(to), "%s", from)

/* The value of the first line of /proc/cpuinfo that begins so. */
static void cpu_model(char *buf, size_t size)
{
	char line[512];
	FILE *in = fopen("/proc/cpuinfo", "re");

	snprintf(buf, size, "unknown");
	while (in && fgets(line, sizeof(line), in)) {
		const char *value = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || !value)
			continue;
		snprintf(buf, size, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
		break;
	}
	if (in)
		fclose(in);
}

/* The type of the file system that path lies on. */
static void file_system(const char *path, char *buf, size_t size)
{
	unsigned major_number, minor_number;
	char line[1024], type[32];
	struct stat st;
	FILE *in = fopen("/proc/self/mountinfo", "re");

	snprintf(buf, size, "unknown");
	while (in && stat(path, &st) == 0 && fgets(line, sizeof(line), in)) {
		const char *dash = strstr(line, " - ");

		if (dash && sscanf(line, "%*u %*u %u:%u", &major_number, &minor_number) == 2 &&
		    makedev(major_number, minor_number) == st.st_dev && sscanf(dash, " - %31s", type) == 1) {
			snprintf(buf, size, "%s", type);
			break;
		}
	}
	if (in)
		fclose(in);
}

const struct result_fact *result_machine(void)
{
	static struct result_fact facts[] = {
		{ "cpu", "" }, { "cores", "" }, { "kernel", "" }, { "file system", "" }, { "compiler", "" },
		{ "segreg", "" }, { NULL, "" },
	};
	struct utsname name;

	if (facts[0].value[0])
		return facts;
	cpu_model(facts[0].value, sizeof(facts[0].value));
	snprintf(facts[1].value, sizeof(facts[1].value), "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	BENCH_OK(uname(&name));
	snprintf(facts[2].value, sizeof(facts[2].value), "%s %s", name.sysname, name.release);
	file_system(bench_dir(), facts[3].value, sizeof(facts[3].value));
#ifdef __clang__
	COPY(facts[4].value, __VERSION__);
#else
	COPY(facts[4].value, "gcc " __VERSION__);
#endif
	COPY(facts[5].value, segreg_version_string());
	return facts;
}

void result_print_machine(void)
{
	for (const struct result_fact *fact = result_machine(); fact->name; fact++)
		printf("%s%s: %s", fact == result_machine() ? "" : "; ", fact->name, fact->value);
	printf("\n");
	fflush(stdout);
}
