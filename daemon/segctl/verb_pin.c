/*
 * verb_pin.c - segctl pin: run a command while segments are pinned.
 */
#include <stdlib.h>
#include <string.h>

#include "segreg.h"
#include "segctl/command.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/select.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_pin = {
	.name = "pin",
	.operands = "SEGMENT... -- COMMAND...",
	.help = "Run a command while segments are pinned",
	.min = 1,
	.max = -1,
	.flags = CTL_COMMAND,
	.options =
		(const struct ctl_option[]){
			{ 'l', "live", NULL, "refuse a segment that is retired already" },
			{ 0 },
		},
	.exec = exec,
};

/*
 * Count the operands before the command: segctl pin SEGMENT... -- COMMAND... getopt takes the "--" away only if it is
 * the first operand.
 */
static int count_ids(const struct ctl *ctl)
{
	int n = 0;

	while (n < ctl->n_operands && strcmp(ctl->operand[n], "--"))
		n++;
	return n;
}

static int pin_and_run(struct ctl *ctl, const struct ctl_selection *selection, struct segreg_pin *pins, uint64_t *ids,
		       char **command)
{
	unsigned flags = ctl->option['l'] ? SEGREG_PIN_LIVE : 0;
	char path[SEGREG_PATH_SIZE];
	uint64_t version;
	int code = 0;

	for (size_t i = 0; i < selection->n && !code; i++)
		code = ctl_select_find(ctl, &selection->items[i], &ids[i]);
	if (!code)
		code = segreg_pin_many(ctl->reg, ids, selection->n, flags, pins);
	if (!code)
		code = segreg_version(ctl->reg, &version);
	if (!code)
		code = segreg_pin_path(ctl->reg, &pins[0], path, sizeof path);
	if (code)
		return ctl_fail(ctl, code);
	ctl_command_set_version(version);
	setenv("SEGREG_PATH", path, 1);
	return ctl_command_run(ctl, command);
}

static int exec(struct ctl *ctl)
{
	int n = count_ids(ctl), status;
	struct ctl_selection selection;
	struct segreg_pin *pins;
	uint64_t *ids;

	if (!n || n + 1 >= ctl->n_operands)
		return ctl_usage(ctl, "SEGMENT... -- COMMAND... expected");
	status = ctl_select(ctl, n, ctl_select_is_live, &selection);
	if (status) {
		ctl_select_free(&selection);
		return status;
	}
	pins = calloc(selection.n, sizeof *pins);
	ids = calloc(selection.n, sizeof *ids);
	status = pins && ids ? pin_and_run(ctl, &selection, pins, ids, ctl->operand + n + 1)
			     : ctl_error(ctl, EX_OSERR, "no memory for %zu pins", selection.n);
	free(pins);
	free(ids);
	ctl_select_free(&selection);
	return status;
}
