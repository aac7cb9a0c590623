/*
 * world.h - a region with one retired segment, a handle and a sweeper, for the scenarios: the library's own code on the
 * machine.
 */
#ifndef WORLD_H
#define WORLD_H

#include "machine.h"
#include "shm/sr_cells.h"
#include "sys/sr_error.h"
#include "registry/sr_lane.h"
#include "registry/sr_living.h"
#include "registry/sr_notes.h"
#include "hold/sr_pin.h"
#include "hold/sr_snapshot.h"
#include "shm/sr_table.h"

#define ID 1u
#define NEXT_ID 2u
#define BORN 1u
#define VERSION 1u
#define NEXT_BORN (VERSION + 2)
#define LANE_LOCK 1u /* the lane's byte of registry.lock */

struct world {
	struct sr_region region;
	struct segreg owner;             /* of lane 0 */
	struct segreg newcomer, sweeper; /* other processes', without a lane */
	uint32_t slot;
	uint64_t file, next_file; /* 0: not there, 1: there; ID's, NEXT_ID's */
	uint64_t use;             /* grows when the owner has used the file */
};
extern struct world world;

/* As at the start: ID is in that state; the owner has memory for counts and cells. */
void world_reset(enum sr_state state);

/* The one byte that the path of a segment is. */
char world_path(uint64_t id);

/* The lane changes hands: its words are looked at by others. Before the first world_reset. */
void world_watch_lane(void);
/* A lane above lane_top is taken. Before the first world_reset. */
void world_watch_top(void);

/* The owner pins ID, uses it, unpins. */
void world_pin(void);

/* A sweep's decision: true if ID's file is removed. */
bool world_decide(void);

/* Like world_decide, and with the slot free then. */
bool world_sweep(void);

/* What a repair does with ID's slot: its state is what the database says; if that is nothing, the slot is freed. */
void world_settle(enum sr_state to);

/* Publish ID, which was reserved, as an edit does: it is born in the next version. */
void world_publish(void);

/* Retire ID as an edit does, in the next version. */
void world_retire(void);

/* NEXT_ID gets the slot that is free now. */
void world_reuse(void);

/* What a walk has found is one segment's alone. */
void world_compare(const struct segreg_entry *entry);

/* What is held is there while it is held, and its holder knows what is in it. */
void world_use(const uint64_t *file);

#endif
