/*
 * why_request.h - what the options of segctl why ask for.
 */
#ifndef CTL_WHY_REQUEST_H
#define CTL_WHY_REQUEST_H

#include "segctl/ctl.h"
#include "segctl/look.h"
#include "segctl/report.h"

struct ctl_why {
	struct ctl_look_options options;
	enum ctl_by by;
	size_t limit;
	bool is_table, is_json, is_filtered;
};

/* Parse the options. False: one is wrong, and the error was written. */
bool ctl_why_parse(struct ctl *ctl, struct ctl_why *request);

#endif /* CTL_WHY_REQUEST_H */
