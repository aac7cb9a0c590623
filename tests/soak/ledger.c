/*
 * ledger.c - what is true whatever dies, and how that is found out.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "soak.h"

#define SIZE_MOST 4096u

/* ---------------------------------------------------------------- the ledger */

static void map(struct soak *s, int flags)
{
	char path[192];
	int fd;

	snprintf(path, sizeof(path), "%s/ledger", s->dir);
	fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
	if (fd == -1 || (flags && ftruncate(fd, sizeof(struct ledger)) == -1)) {
		perror(path);
		exit(2);
	}
	s->ledger = mmap(NULL, sizeof(struct ledger), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (s->ledger == MAP_FAILED)
		exit(2);
}

void ledger_make(struct soak *s)
{
	map(s, O_CREAT | O_EXCL);
}

void ledger_map(struct soak *s)
{
	map(s, 0);
}

void violation(struct soak *s, const char *format, ...)
{
	va_list args;

	if (!__atomic_exchange_n(&s->ledger->is_violated, 1, __ATOMIC_SEQ_CST)) {
		va_start(args, format);
		vsnprintf(s->ledger->violation, sizeof(s->ledger->violation), format, args);
		va_end(args);
		__atomic_store_n(&s->ledger->is_violated, 2, __ATOMIC_SEQ_CST);
	}
	_exit(1);
}

void expect(struct soak *s, const char *call, int expected, int rc)
{
	if (rc != expected)
		violation(s, "process %d: %s gives %d (%s), not %d", getpid(), call, rc, segreg_last_error(), expected);
}

void count(uint64_t *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

/* ---------------------------------------------------------------- segments */

struct content {
	uint64_t id, generation, length, sum;
	uint8_t bytes[SIZE_MOST];
};

/* FNV-1a. */
static uint64_t sum_of(const uint8_t *bytes, size_t length)
{
	uint64_t sum = 14695981039346656037ull;

	for (size_t i = 0; i < length; i++)
		sum = (sum ^ bytes[i]) * 1099511628211ull;
	return sum;
}

uint64_t segment_id(uint32_t editor, uint32_t key)
{
	return (uint64_t)editor * 1000 + key + 1;
}

void segment_path(uint32_t editor, uint32_t key, uint32_t generation, char path[64])
{
	snprintf(path, 64, "e%u/%u.%u", editor, key, generation);
}

static void absolute_path(const struct soak *s, uint32_t editor, uint32_t key, uint32_t generation, char path[256])
{
	char relative[64];

	segment_path(editor, key, generation, relative);
	snprintf(path, 256, "%s/base/%s", s->dir, relative);
}

void segment_write(struct soak *s, uint32_t editor, uint32_t key, uint32_t generation)
{
	struct content content = { .id = segment_id(editor, key), .generation = generation };
	char path[256], data[272];
	size_t size;
	int fd;

	content.length = 1 + content.id * 37 % SIZE_MOST;
	for (size_t i = 0; i < content.length; i++)
		content.bytes[i] = (uint8_t)(content.id * 31 + generation * 17 + i * 7);
	content.sum = sum_of(content.bytes, content.length);
	size = offsetof(struct content, bytes) + content.length;
	absolute_path(s, editor, key, generation, path);
	snprintf(data, sizeof(data), "%s/data", path);
	if (mkdir(path, 0700) == -1 && errno != EEXIST)
		violation(s, "cannot make %s: %s", path, strerror(errno));
	fd = open(data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1 || write(fd, &content, size) != (ssize_t)size)
		violation(s, "cannot write %s: %s", data, strerror(errno));
	close(fd);
}

void segment_remove(struct soak *s, uint32_t editor, uint32_t key, uint32_t generation)
{
	char path[256], data[272];

	absolute_path(s, editor, key, generation, path);
	snprintf(data, sizeof(data), "%s/data", path);
	unlink(data);
	rmdir(path);
}

const char *segment_fault(uint64_t id, const char *path)
{
	static __thread char fault[400];
	struct content content;
	char data[SEGREG_PATH_SIZE + 8];
	struct stat st;
	ssize_t size;
	int fd;

	snprintf(data, sizeof(data), "%s/data", path);
	fd = open(data, O_RDONLY | O_CLOEXEC);
	if (fd == -1) {
		snprintf(fault, sizeof(fault), "%.200s cannot be opened: %s", data, strerror(errno));
		return fault;
	}
	size = read(fd, &content, sizeof(content));
	if (fstat(fd, &st) == -1 || st.st_nlink == 0)
		snprintf(fault, sizeof(fault), "%.200s has no name any more", data);
	else if (size < (ssize_t)offsetof(struct content, bytes) ||
		 content.length != (uint64_t)size - offsetof(struct content, bytes) ||
		 content.sum != sum_of(content.bytes, content.length))
		snprintf(fault, sizeof(fault), "%.200s is damaged", data);
	else if (content.id != id || content.generation != strtoul(strrchr(path, '.') + 1, NULL, 10))
		snprintf(fault, sizeof(fault), "%.200s is generation %" PRIu64 " of segment %" PRIu64, data,
			 content.generation, content.id);
	else
		fault[0] = '\0';
	close(fd);
	return *fault ? fault : NULL;
}

/* ---------------------------------------------------------------- settling */

static bool is_live(struct soak *s, struct segreg *reg, uint64_t id)
{
	int rc = segreg_is_live(reg, id);

	if (rc < 0)
		expect(s, "segreg_is_live", 0, rc);
	return rc == 1;
}

static void check_whole(struct soak *s, uint32_t editor, uint32_t done, uint32_t n)
{
	if (done && done != n)
		violation(s, "an edit of editor %u, killed before it was acknowledged, is made in %u of %u parts",
			  editor, done, n);
}

void ledger_settle(struct soak *s, struct segreg *reg, uint32_t editor)
{
	struct intent *intent = &s->ledger->intent[editor];
	struct key *keys = s->ledger->key[editor];
	uint32_t done = 0;

	if (!__atomic_load_n(&intent->is_active, __ATOMIC_ACQUIRE))
		return;
	/* A leader that had taken the intent into its own commit has ended once this call has gone through. */
	EXPECT(s, SEGREG_E_NOENT, segreg_retire(reg, NOBODY));
	for (uint32_t i = 0; i < intent->n_adds; i++)
		done += is_live(s, reg, segment_id(editor, intent->add[i]));
	for (uint32_t i = 0; i < intent->n_retires; i++)
		done += !is_live(s, reg, segment_id(editor, intent->retire[i]));
	check_whole(s, editor, done, intent->n_adds + intent->n_retires);
	for (uint32_t i = 0; i < intent->n_adds; i++) {
		struct key *key = &keys[intent->add[i]];

		key->truth = done ? LIVE : intent->builds ? GONE : ABSENT;
		if (!done && !intent->builds)
			segment_remove(s, editor, intent->add[i], key->generation);
	}
	for (uint32_t i = 0; i < intent->n_retires && done; i++)
		keys[intent->retire[i]].truth = GONE;
	__atomic_store_n(&intent->is_active, 0, __ATOMIC_RELEASE);
}

/* ---------------------------------------------------------------- the audit */

/* An editor's directory, when none of its segments is left. */
static bool is_empty_place(const struct soak *s, const char *path)
{
	char absolute[512];

	snprintf(absolute, sizeof(absolute), "%s/base/%s", s->dir, path);
	return !strchr(path, '/') && rmdir(absolute) == 0 && mkdir(absolute, 0700) == 0;
}

static int on_finding(void *arg, const struct segreg_finding *finding)
{
	if (finding->kind == SEGREG_FOUND_STRANGER && is_empty_place(arg, finding->path))
		return 0;
	violation(arg, "when all is over: %s (segment %" PRIu64 "): %s", finding->path, finding->id, finding->reason);
}

static void sweep_up(struct soak *s, struct segreg *reg)
{
	struct segreg_sweep_result result = { .size = sizeof(result) };

	EXPECT(s, 0, segreg_sweep(reg, NULL, &result));
	if (result.failed || result.held || result.waiting)
		violation(s, "when all are dead: %" PRIu64 " failed, %" PRIu64 " held, %" PRIu64 " waiting",
			  result.failed, result.held, result.waiting);
	s->ledger->deleted += result.deleted;
}

static void audit_key(struct soak *s, struct segreg *reg, uint32_t editor, uint32_t k)
{
	struct key *key = &s->ledger->key[editor][k];
	uint64_t id = segment_id(editor, k);
	enum segreg_state state = SEGREG_LIVE;
	const char *fault = NULL;
	char path[256];
	int rc = segreg_state(reg, id, &state);

	absolute_path(s, editor, k, key->generation, path);
	if (key->truth == LIVE && (rc || state != SEGREG_LIVE))
		violation(s, "segment %" PRIu64 " was acknowledged as live and is %s", id,
			  rc ? "not there" : segreg_state_name(state));
	if (key->truth == LIVE)
		fault = segment_fault(id, path);
	else if (rc != SEGREG_E_NOENT)
		violation(s, "segment %" PRIu64 " was retired, or never there, and is %s", id,
			  rc ? segreg_last_error() : segreg_state_name(state));
	else
		key->truth = ABSENT;
	if (fault)
		violation(s, "live: %s", fault);
}

static void check_counters(struct soak *s, struct segreg *reg)
{
	struct segreg_stats stats = { .size = sizeof(stats) };
	uint64_t live = 0;

	for (uint32_t editor = 0; editor < EDITORS; editor++)
		for (uint32_t k = 0; k < KEYS; k++)
			live += s->ledger->key[editor][k].truth == LIVE;
	EXPECT(s, 0, segreg_stats(reg, &stats));
	if (stats.live != live || stats.pending + stats.deleting + stats.building || stats.lanes != 1)
		violation(s,
			  "when all are dead there are %" PRIu64 " live (not %" PRIu64 "), %" PRIu64
			  " pending, %" PRIu64 " deleting, "
			  "%" PRIu64 " building, %" PRIu64 " handles",
			  stats.live, live, stats.pending, stats.deleting, stats.building, stats.lanes);
}

/* The last one to leave takes the shared memory with it. */
static void check_memory(struct soak *s)
{
	char text[4096] = "", path[192];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/registry.lock", s->registry);
	file = fopen(path, "re");
	n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
	if (file)
		fclose(file);
	if (!n || strstr(text, "/segreg-"))
		violation(s, "when all have left, %s says that there is shared memory", path);
}

void ledger_audit(struct soak *s)
{
	struct segreg *reg = NULL;

	EXPECT(s, 0, segreg_open(s->registry, NULL, &reg));
	for (uint32_t editor = 0; editor < EDITORS; editor++)
		ledger_settle(s, reg, editor);
	sweep_up(s, reg);
	for (uint32_t editor = 0; editor < EDITORS; editor++)
		for (uint32_t k = 0; k < KEYS; k++)
			audit_key(s, reg, editor, k);
	check_counters(s, reg);
	EXPECT(s, 0, segreg_check(reg, 0, on_finding, s));
	EXPECT(s, 0, segreg_close(reg, NULL));
	check_memory(s);
}
