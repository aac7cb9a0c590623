/*
 * report_json.h - a look as JSON, with nothing left out.
 *
 * Segments are written during the look, and not kept. Groups, processes and totals follow.
 */
#ifndef CTL_REPORT_JSON_H
#define CTL_REPORT_JSON_H

#include "segctl/json.h"
#include "segctl/look.h"

/* Begin, and write each segment: fn and arg of ctl_look_options. The base is that of the registry. */
struct ctl_report_json {
	struct ctl_json json;
	const char *base;
};

void ctl_report_json_begin(struct ctl_report_json *report, const char *base);
int ctl_report_json_segment(void *arg, const struct ctl_look *look, const struct ctl_kept *kept);

/* Write the rest. Returns 0 or SEGREG_E_NOMEM. */
int ctl_report_json_end(struct ctl_report_json *report, const struct ctl_look *look);

#endif /* CTL_REPORT_JSON_H */
