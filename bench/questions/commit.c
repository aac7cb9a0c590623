/*
 * commit.c - what does a durable change cost, beside LMDB alone? LMDB stores the same records, after the same check of
 * the path.
 */
#include "questions/questions.h"

#include "common/fail.h"
#include "common/measure.h"
#include "place/registry.h"
#include "place/segment.h"
#include "place/store.h"
#include "result/contest.h"
#include "result/result.h"
#include "segreg.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ONES 16u /* commits in a round */
#define ROUNDS 31u

struct scene {
	struct segreg *reg;
	struct store store;
	int base;
	uint64_t next, next_bare, retired, retired_bare;
	uint64_t batch;
};

/* The check that segreg makes: the path exists below base, without a symbolic link or a mount on the way. */
static void check_path(int base, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
	};
	struct statx stx;
	int fd = (int)syscall(SYS_openat2, base, path, &how, sizeof(how));

	MUST(fd);
	MUST(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &stx));
	measure_keep(stx.stx_ino);
	close(fd);
}

static double register_ones(void *arg)
{
	struct scene *s = arg;
	char path[SEGMENT_PATH_LENGTH + 1];
	double begin = measure_now();

	for (unsigned i = 0; i < ONES; i++) {
		segment_path(++s->next, path);
		MUST(segreg_register(s->reg, s->next, path));
	}
	return (measure_now() - begin) / ONES * 1e6;
}

static double put_ones(void *arg)
{
	struct scene *s = arg;
	char path[SEGMENT_PATH_LENGTH + 1];
	double begin = measure_now();

	for (unsigned i = 0; i < ONES; i++) {
		segment_path(++s->next_bare, path);
		check_path(s->base, path);
		store_begin(&s->store);
		store_put(&s->store, s->next_bare, path);
		store_commit(&s->store);
	}
	return (measure_now() - begin) / ONES * 1e6;
}

static double retire_ones(void *arg)
{
	struct scene *s = arg;
	double begin = measure_now();

	for (unsigned i = 0; i < ONES; i++)
		MUST(segreg_retire(s->reg, ++s->retired));
	return (measure_now() - begin) / ONES * 1e6;
}

static double update_ones(void *arg)
{
	struct scene *s = arg;
	char path[SEGMENT_PATH_LENGTH + 1];
	double begin = measure_now();

	for (unsigned i = 0; i < ONES; i++) {
		segment_path(++s->retired_bare, path);
		store_begin(&s->store);
		store_put(&s->store, s->retired_bare, path);
		store_commit(&s->store);
	}
	return (measure_now() - begin) / ONES * 1e6;
}

static double add_batch(void *arg)
{
	struct scene *s = arg;
	char path[SEGMENT_PATH_LENGTH + 1];
	struct segreg_edit *edit;
	double begin = measure_now();

	MUST(segreg_edit_begin(s->reg, &edit));
	for (uint64_t i = 0; i < s->batch; i++) {
		segment_path(++s->next, path);
		MUST(segreg_edit_add(edit, s->next, path));
	}
	MUST(segreg_edit_commit(edit, NULL));
	return (measure_now() - begin) * 1e3;
}

static double put_batch(void *arg)
{
	struct scene *s = arg;
	char path[SEGMENT_PATH_LENGTH + 1];
	double begin = measure_now();

	store_begin(&s->store);
	for (uint64_t i = 0; i < s->batch; i++) {
		segment_path(++s->next_bare, path);
		check_path(s->base, path);
		store_put(&s->store, s->next_bare, path);
	}
	store_commit(&s->store);
	return (measure_now() - begin) * 1e3;
}

void question_commit(void)
{
	struct scene s = { .batch = measure_is_quick() ? 2000 : 10000 };
	struct contender ones[] = {
		{ .name = "segreg_register", .run = register_ones, .arg = &s },
		{ .name = "LMDB, and the path checked", .run = put_ones, .arg = &s },
	};
	struct contender retired[] = {
		{ .name = "segreg_retire", .run = retire_ones, .arg = &s },
		{ .name = "LMDB", .run = update_ones, .arg = &s },
	};
	struct contender many[] = {
		{ .name = "segreg, one edit", .run = add_batch, .arg = &s },
		{ .name = "LMDB, one transaction, and the paths checked", .run = put_batch, .arg = &s },
	};
	const unsigned batches = 7;
	char question[64];

	s.reg = registry_create_light("commit", 0);
	segment_make_files(s.reg, 1, (ROUNDS + 1) * ONES + (batches + 1) * s.batch, 0);
	s.base = open(segreg_base_path(s.reg), O_PATH | O_DIRECTORY | O_CLOEXEC);
	MUST(s.base);
	store_make(&s.store, "commit-bare");

	contest_run("commit, one added", "us", ones, 2, ROUNDS);
	result_goal("durable register of one", ones[1].ratio.median, 1.15, false, "x LMDB put + path check");
	contest_run("commit, one retired", "us", retired, 2, ROUNDS);
	result_goal("durable retire of one", retired[1].ratio.median, 1.15, false, "x LMDB put");
	snprintf(question, sizeof(question), "commit, %llu added", (unsigned long long)s.batch);
	contest_run(question, "ms", many, 2, batches);
	result_goal(measure_is_quick() ? "one edit of 2,000 adds" : "one edit of 10,000 adds", many[1].ratio.median,
		    1.3, false, "x LMDB batch + path checks");
	store_close(&s.store);
	close(s.base);
	MUST(segreg_close(s.reg, NULL));
}
