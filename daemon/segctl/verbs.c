/*
 * verbs.c - the table of verbs, made from verbs.def.
 */
#include <stddef.h>
#include <string.h>

#include "segctl/ctl.h"
#include "segctl/verbs.h"

#define VERB(name) extern const struct ctl_verb ctl_##name;
#include "segctl/verbs.def"
#undef VERB

const struct ctl_verb *const ctl_verbs[] = {
#define VERB(name) &ctl_##name,
#include "segctl/verbs.def"
#undef VERB
	NULL,
};

const struct ctl_verb *ctl_verbs_find(const char *name)
{
	const struct ctl_verb *const *verb = ctl_verbs;

	while (*verb && strcmp((*verb)->name, name))
		verb++;
	return *verb;
}
