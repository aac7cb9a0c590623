/*
 * lane.h - a lane whose owner dies, who empties it, and who gets it next: what the scenarios of reclaiming consist of.
 */
#ifndef LANE_H
#define LANE_H

#include "world.h"

/* As world_reset; the owner of the lane is thread 0, or dead with a pin and a snapshot. */
void lane_reset(bool dead);

/* The owner: pins, uses, takes a snapshot. */
void lane_owner(void);

/* Another process: attaches, pins, uses, unpins. */
void lane_heir(void);

/* Another process: reclaims. */
void lane_reclaimer(void);

/* Another process: reclaims, retires if that has not been done, and sweeps. */
void lane_sweeper(void);

/* Nothing of the dead one is left, and its heir has given back all. */
void lane_end(void);

#endif
