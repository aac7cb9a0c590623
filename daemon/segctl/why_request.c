/*
 * why_request.c - what the options of segctl why ask for.
 */
#include <string.h>

#include "segctl/error.h"
#include "segctl/parse.h"
#include "segctl/why_request.h"

#define LINES 10 /* of each kind in a report */

static bool parse_by(struct ctl *ctl, enum ctl_by *by)
{
	static const char *const names[] = {
		[CTL_BY_HOLDER] = "holder", [CTL_BY_SEGMENT] = "segment", [CTL_BY_USER] = "user", [CTL_BY_UNIT] = "unit"
	};
	const char *text = ctl->option['B'];

	*by = CTL_BY_ALL;
	if (!text)
		return true;
	for (*by = CTL_BY_HOLDER; *by <= CTL_BY_UNIT; ++*by)
		if (!strcmp(text, names[*by]))
			return true;
	ctl_usage(ctl, "option -B: '%s' is not holder, segment, user or unit", text);
	return false;
}

bool ctl_why_parse(struct ctl *ctl, struct ctl_why *request)
{
	uint32_t limit = 0, pid = 0;
	uint64_t older = 0;

	*request = (struct ctl_why){ .limit = SIZE_MAX };
	if (!parse_by(ctl, &request->by) || !ctl_parse_option(ctl, 'l', &limit) || !ctl_parse_option(ctl, 'p', &pid) ||
	    !ctl_parse_span(ctl, 'O', &older))
		return false;
	if (older > INT64_MAX / 1000000) {
		ctl_usage(ctl, "option -O: '%s' is longer than three centuries", ctl->option['O']);
		return false;
	}
	request->is_table =
		ctl->option['o'] || ctl->option['R'] || ctl->option['n'] || (ctl->option['J'] && request->by);
	request->is_json = ctl->option['J'] && !request->is_table;
	if (!request->is_table && !ctl->option['a'])
		request->limit = LINES;
	if (limit)
		request->limit = limit;
	request->options = (struct ctl_look_options){
		.pid = pid,
		.user = ctl->option['u'],
		.older = (int64_t)older * 1000000,
		.n_rows = request->is_json ? 0 : request->limit,
	};
	if (request->by != CTL_BY_ALL && request->by != CTL_BY_SEGMENT)
		request->options.n_rows = 0;
	request->is_filtered = pid || ctl->option['u'] || older;
	return true;
}
