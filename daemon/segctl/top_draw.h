/*
 * top_draw.h - the screen of segctl top.
 */
#ifndef CTL_TOP_DRAW_H
#define CTL_TOP_DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "segreg.h"
#include "segctl/ctl.h"
#include "segctl/look.h"
#include "segctl/top_rows.h"

#define CTL_TOP_HEAD 4 /* lines above the rows */

enum ctl_top_mode { CTL_TOP_ROWS, CTL_TOP_HELP, CTL_TOP_FILTER, CTL_TOP_QUESTION };

struct ctl_top_state {
	struct ctl *ctl;
	struct ctl_top_choice choice;
	struct segreg_stats stats;
	struct ctl_look look;
	struct ctl_top_rows rows;
	bool is_fresh; /* the look is of what was chosen last */
	uint64_t looked_at, took;
	size_t cursor, first; /* rows */
	uint64_t key;         /* of the row under the cursor, which it follows */
	enum ctl_top_mode mode;
	char message[256]; /* instead of the hint, until the next key */
	char typed[CTL_TOP_FILTER_SIZE];
	struct ctl_handle *victims; /* CTL_TOP_QUESTION: handles to evict */
	size_t n_victims;
};

/* Draw the screen. This moves the cursor to where its row is now, and scrolls to it. */
void ctl_top_draw(struct ctl_top_state *top);

#endif /* CTL_TOP_DRAW_H */
