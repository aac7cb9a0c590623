/*
 * verbs.c - the table of verbs, made from verbs.def.
 */
#include <stddef.h>
#include <string.h>

#include "segctl/ctl.h"
#include "segctl/suggest.h"
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

/* What other tools call it. */
static const struct {
	const char *other, *name;
} others[] = {
	{ "add", "register" }, { "adopt", "init" },    { "create", "init" },  { "delete", "retire" },
	{ "export", "dump" },  { "forget", "remove" }, { "fsck", "check" },   { "gc", "sweep" },
	{ "import", "load" },  { "info", "show" },     { "list", "ls" },      { "lsof", "holders" },
	{ "ps", "holders" },   { "rm", "retire" },     { "status", "stats" }, { "unregister", "remove" },
};

const char *ctl_verbs_suggest(struct ctl_suggest *suggest, const char *name)
{
	ctl_suggest_begin(suggest, name, strlen(name));
	for (const struct ctl_verb *const *verb = ctl_verbs; *verb; verb++)
		ctl_suggest_add(suggest, (*verb)->name);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (!strcasecmp(others[i].other, name))
			suggest->best = others[i].name;
	return ctl_suggest_end(suggest, "");
}
