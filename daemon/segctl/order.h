/*
 * order.h - segments in an order, and the first of them, in little memory.
 */
#ifndef CTL_ORDER_H
#define CTL_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "segreg.h"
#include "segctl/ctl.h"

enum ctl_order_key {
	CTL_ORDER_ID,
	CTL_ORDER_PATH,
	CTL_ORDER_AGE,      /* the oldest first */
	CTL_ORDER_RETIRED,  /* the longest retired first, the live last */
	CTL_ORDER_PINS,     /* the most first */
	CTL_ORDER_ATTEMPTS, /* the most first */
	CTL_ORDER_BYTES,    /* the most first; measures each segment */
	CTL_ORDER_NONE,     /* as they come */
	CTL_ORDER_KEYS,
};

/* Names of the keys; "pins". */
extern const char *const ctl_order_names[CTL_ORDER_KEYS];

struct ctl_order_item {
	union {
		uint64_t number;
		char *path;
	} key;
	uint64_t id;
};

struct ctl_order {
	const struct ctl *ctl;
	enum ctl_order_key by;
	bool is_reversed;
	size_t limit; /* keep the first limit segments; 0: all */
	struct ctl_order_item *items;
	size_t n, room;
};

/* Parse "pins", or "-pins" for the reverse. False: there is no such key. */
bool ctl_order_parse(struct ctl_order *order, const char *text);

/* Consider a segment. False: memory is short. */
bool ctl_order_add(struct ctl_order *order, const struct segreg_info *info);

/* Put the segments that were kept in order. */
void ctl_order_sort(struct ctl_order *order);
void ctl_order_free(struct ctl_order *order);

#endif /* CTL_ORDER_H */
