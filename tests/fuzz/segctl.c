/*
 * segctl.c - segctl's arguments: an input is a command line, its words on a line each.
 */
#include "ground.h"

#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#define WORDS 24

static void prepare(void)
{
	const struct ground *ground = ground_prepare(GROUND_KEPT);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	FUZZ_CLAIM(null >= 0 && dup2(null, STDIN_FILENO) == 0 && chdir(ground->root) == 0);
	FUZZ_CLAIM(setenv("SEGREG_REGISTRY", ground->dir, 1) == 0);
	fuzz_confine(ground->root);
	fuzz_hush();
}

static void one(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *rest = text, *word;
	char *argv[WORDS + 1] = { text };
	int argc = 1, status;

	FUZZ_CLAIM(text);
	while (argc < WORDS && (word = strsep(&rest, "\n")))
		argv[argc++] = word;
	if (!strstr(text, "/dev")) { /* nothing there is a dump, and some of it has no end */
		ground_restore();
		status = fuzz_segctl_run(argc, argv);
		FUZZ_CLAIM(status >= 0 && status <= 255);
		ground_check(true);
		ground_tidy();
	}
	free(text);
}

const struct fuzz_target fuzz_segctl = { .name = "segctl", .prepare = prepare, .one = one };
