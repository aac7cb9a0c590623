/*
 * scene.h - a registry with something of everything in it, what should have become of each segment, and whether it is
 * so.
 *
 * The tests that kill processes and fail calls play on one scene, which is furnished before each turn. A victim acts
 * on it, and shares a ledger with the test. There it writes what it is about to change, and what the library has
 * acknowledged. Then the audit opens the registry as the next process would, and compares. What was acknowledged is
 * there; what was not is there wholly or not at all. Pinned files are untouched, and when all is swept nothing is left
 * over.
 */
#ifndef SCENE_H
#define SCENE_H

#include "peer.h"

#define IDS 16u
#define NOBODY 99u /* an id that is never registered */
#define SCENE_LEASE "scene"
#define SCENE_SHELF "shelf" /* the directory of the even ones */

/*
 * The furniture. Ids that divide by 3 are files, by 4 trees, others directories with one file; even ones lie in a
 * directory of their own kind.
 *
 *      1 to 4     live; a process that died had pinned 2
 *      5, 6, 7    retired; a process that died had pinned 6
 *      8          retired, and moved to the trash by a sweeper that died there
 *      9          reserved, and half written by a builder that died
 *      10 to 12   on the disk, not registered
 *      13, 14     neither
 */
enum fate {
	STRANGER, /* not registered; its files, if it has some, are not segreg's */
	LIVE,
	RETIRED,
	RESERVED, /* by a dead process */
};

struct truth {
	enum fate fate[IDS];
	bool has_files[IDS]; /* of strangers */
	uint64_t leased;     /* retired, and listed by the lease SCENE_LEASE; 0: there is no lease */
	uint64_t vacated;    /* retired, and its file may be gone before its record is; 0: none */
	bool swept;          /* what is retired or reserved by the dead may be gone */
	uint64_t version;
	bool undone; /* an unregistering may have been undone, which leaves a version that changes nothing */
};

struct ledger {
	struct truth now;  /* acknowledged */
	struct truth next; /* if the change under way is made */
	unsigned turn;
	bool was_reached; /* the harm came to its place */
	bool was_harmed;
	bool inside;      /* the victim is in a call of the library's */
	char where[64];   /* the point or call that the victim came to last */
	char region[128]; /* the file of the shared memory that it had when it was killed */
};

enum company {
	ALONE,  /* nobody else has the registry open: the next process builds the shared memory anew */
	OTHERS, /* another process has it open, and pins 1, 2 and 5 */
};

struct scene {
	struct t_world world;
	struct peer *keeper; /* the other process; NULL: ALONE */
	struct peer *prober; /* has it open now and then */
	struct ledger *ledger;
	uint64_t told;   /* the number of the journal's last entry in the turns before */
	bool is_durable; /* files are made durable before they are registered, as power cuts want it */
};

struct scene scene_set(enum company company);
/* Like scene_set, in a world that exists already. */
struct scene scene_set_at(struct t_world world, enum company company);
/* Put everything into its place for another turn; empty: there is not even a registry. */
void scene_furnish(struct scene *scene);
void scene_empty(struct scene *scene);

/* Open the scene's registry, or create it. */
int scene_open(const struct scene *scene, struct segreg **reg);
const char *scene_path(uint64_t id); /* below base */
void scene_make_files(const struct scene *scene, uint64_t id);

/* Can another process do everything? */
void scene_probe(struct scene *scene);

/* Play fn in a process of its own; if it fails, the report says in which turn. */
void scene_play(void (*fn)(const void *arg), const void *arg);

/* Whether a segment's files are whole; whether there is anything at its path. */
bool scene_is_intact(const struct scene *scene, uint64_t id);
bool scene_is_there(const struct scene *scene, uint64_t id);
/* Like scene_open, which must succeed. */
struct segreg *scene_open_here(const struct scene *scene);
/* For the keeper: reads what it has pinned; releases it; makes calls that take every lock. */
peer_fn scene_do_read_pins, scene_do_unpin_all, scene_do_go_on;

/* ---------------------------------------------------------------- scene_audit.c */

/* NULL, or how the registry and the disk differ from truth. */
const char *scene_fault(const struct scene *scene, struct segreg *reg, const struct truth *truth);

/* The whole judgement; leaves nothing on the scene. */
void scene_audit(struct scene *scene);

#endif
