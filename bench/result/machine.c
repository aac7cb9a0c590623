/*
 * machine.c - the machine that a run measures.
 */
#include "result/machine.h"

#include "common/fail.h"
#include "segreg.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#define COPY(to, from) snprintf(to, sizeof(to), "%s", from)

/* The value of the first line "model name" of /proc/cpuinfo. */
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

/* The type of the file system of path. */
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

const struct machine_fact *machine_look(const char *dir)
{
	static struct machine_fact facts[] = {
		{ "cpu", "" },      { "cores", "" },  { "kernel", "" }, { "file system", "" },
		{ "compiler", "" }, { "segreg", "" }, { NULL, "" },
	};
	struct utsname name;

	MUST(uname(&name));
	cpu_model(facts[0].value, sizeof(facts[0].value));
	snprintf(facts[1].value, sizeof(facts[1].value), "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	snprintf(facts[2].value, sizeof(facts[2].value), "%s %s", name.sysname, name.release);
	file_system(dir, facts[3].value, sizeof(facts[3].value));
#ifdef __clang__
	COPY(facts[4].value, __VERSION__);
#else
	COPY(facts[4].value, "gcc " __VERSION__);
#endif
	COPY(facts[5].value, segreg_version_string());
	return facts;
}

void machine_print(const struct machine_fact *facts)
{
	for (const struct machine_fact *fact = facts; fact->name; fact++)
		printf("%s%s: %s", fact == facts ? "" : "; ", fact->name, fact->value);
	printf("\n");
	fflush(stdout);
}
