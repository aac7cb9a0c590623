/*
 * ctl_retire.c - segctl retire: retire segments, all of them at once or none.
 */
#include "ctl.h"

static int add_all(struct ctl *ctl, struct segreg_edit *edit)
{
	for (int i = 0; i < ctl->n_operands; i++) {
		uint64_t id;
		int code;

		if (!ctl_parse_id(ctl, ctl->operand[i], &id))
			return EX_USAGE;
		code = segreg_edit_retire(edit, id);
		if (code)
			return ctl_fail(ctl, code);
	}
	return EX_OK;
}

static int exec(struct ctl *ctl)
{
	struct segreg_edit *edit;
	int status, code = segreg_edit_begin(ctl->reg, &edit);

	if (code)
		return ctl_fail(ctl, code);
	status = add_all(ctl, edit);
	if (status) {
		segreg_edit_abort(edit);
		return status;
	}
	code = segreg_edit_commit(edit, NULL);
	return code ? ctl_fail(ctl, code) : EX_OK;
}

const struct ctl_verb ctl_retire = {
	.name = "retire",
	.operands = "ID...",
	.help = "Retire segments: each is deleted as soon as nobody holds it",
	.min = 1,
	.max = -1,
	.exec = exec,
};
