/* daemon.c - a line about a segregd that fails, below the output of other verbs. */
#include <stdio.h>

#include "common/served.h"
#include "common/text.h"
#include "segctl/ctl.h"
#include "segctl/daemon.h"

void ctl_daemon_warn(const struct ctl *ctl)
{
	char text[TOOL_SERVED_TEXT];
	struct tool_served served;

	if (ctl->option['J'] || ctl->option['R'] || ctl->option['n'] || ctl->option['o'])
		return;
	tool_served_read(ctl->dir, &served);
	if (*served.error)
		tool_text_say(stdout, "", "Mind: %s", tool_served_describe(&served, text));
}
