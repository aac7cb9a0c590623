/*
 * load.c - segctl load's input: a dump that may say anything.
 */
#include "ground.h"

static const struct ground *ground;

static void prepare(void)
{
	ground = ground_prepare(GROUND_KEPT);
	fuzz_confine(ground->root);
	fuzz_hush();
}

static void one(const uint8_t *data, size_t size)
{
	char program[] = "segctl", option[] = "-r", dir[GROUND_PATH], verb[] = "load", file[32];
	char *argv[] = { program, option, dir, verb, file, NULL };
	int status;

	ground_restore();
	fuzz_file(data, size, file);
	strcpy(dir, ground->dir);
	status = fuzz_segctl_run(5, argv);
	FUZZ_CLAIM(status >= 0 && status <= 255);
	ground_check(true);
}

const struct fuzz_target fuzz_load = { .name = "load", .prepare = prepare, .one = one };
