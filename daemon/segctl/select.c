/*
 * select.c - operands that name many segments: ranges of ids, and patterns of paths.
 *
 * "10-20" is each segment with an id from 10 to 20, and "2026/" followed by a star each segment below 2026. One walk
 * over the segments serves all operands. An operand that begins with "./" is a path letter by letter. An operand is
 * refused if it is the path of a segment and also a range or pattern. Either reading could retire what was not meant.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "segctl/error.h"
#include "segctl/parse.h"
#include "segctl/select.h"

struct pattern {
	const char *operand, *glob; /* glob NULL: a range */
	uint64_t first, last;
	bool has_matched;
};

struct select {
	const struct ctl *ctl;
	bool (*keep)(const struct segreg_info *info);
	struct ctl_selection *selection;
	struct pattern *patterns;
	size_t n_patterns;
};

bool ctl_select_is_live(const struct segreg_info *info)
{
	return info->state == SEGREG_LIVE;
}

bool ctl_select_matches(const char *pattern, const char *path)
{
	return fnmatch(pattern, path, FNM_PATHNAME | FNM_PERIOD) == 0;
}

bool ctl_select_parse_range(const char *text, uint64_t *first, uint64_t *last)
{
	const char *dash = strchr(text, '-');
	char begin[32];
	uint64_t a, b;

	if (!dash || (size_t)(dash - text) >= sizeof begin)
		return false;
	memcpy(begin, text, (size_t)(dash - text));
	begin[dash - text] = '\0';
	if (!tool_parse_number(begin, UINT64_MAX, &a) || !tool_parse_number(dash + 1, UINT64_MAX, &b) || a > b)
		return false;
	*first = a;
	*last = b;
	return true;
}

/* ------------------------------------------------------------------ gathering */

static struct ctl_choice *add(struct ctl_selection *selection)
{
	if (selection->n == selection->room) {
		size_t room = selection->room ? 2 * selection->room : 64;
		void *more = reallocarray(selection->items, room, sizeof *selection->items);

		if (!more)
			return NULL;
		selection->items = more;
		selection->room = room;
	}
	selection->items[selection->n] = (struct ctl_choice){ .path = NULL };
	return &selection->items[selection->n++];
}

static int add_plain(struct select *select, const char *operand)
{
	struct ctl_choice *choice;
	uint64_t id = 0;

	if (ctl_parse_is_id(operand) && !ctl_parse_id(select->ctl, operand, &id))
		return EX_USAGE;
	choice = add(select->selection);
	if (!choice || (!ctl_parse_is_id(operand) && !(choice->path = strdup(operand))))
		return ctl_fail(select->ctl, SEGREG_E_NOMEM);
	choice->id = id;
	return EX_OK;
}

static int refuse_both(const struct select *select, const struct pattern *pattern)
{
	const char *text = pattern->operand;

	if (pattern->glob)
		return ctl_usage(select->ctl, "'%s' is the path of a segment, and a pattern: write ./%s for the path",
				 text, text);
	return ctl_usage(
		select->ctl,
		"'%s' is the path of a segment, and a range of ids: write ./%s for the path, or 0%s for the ids", text,
		text, text);
}

/* Is the operand a range or a pattern, in *pattern? */
static bool parse_pattern(const struct select *select, const char *operand, struct pattern *pattern)
{
	const char *base = segreg_base_path(select->ctl->reg);
	size_t length = strlen(base);

	*pattern = (struct pattern){ .operand = operand };
	if (ctl_select_parse_range(operand, &pattern->first, &pattern->last))
		return true;
	if (!strpbrk(operand, "*?[") || !strncmp(operand, "./", 2))
		return false;
	pattern->glob = operand;
	if (!strncmp(operand, base, length) && operand[length] == '/')
		pattern->glob += length + 1;
	return true;
}

static int add_operand(struct select *select, const char *operand)
{
	struct pattern *pattern = &select->patterns[select->n_patterns];
	uint64_t id;

	if (!parse_pattern(select, operand, pattern))
		return add_plain(select, operand);
	if (segreg_find(select->ctl->reg, operand, &id, NULL) == 0)
		return refuse_both(select, pattern);
	select->n_patterns++;
	return EX_OK;
}

static int consider(void *arg, const struct segreg_info *info)
{
	struct select *select = arg;
	struct ctl_choice *choice;
	bool is_match = false, is_glob = true;

	for (size_t i = 0; i < select->n_patterns; i++) {
		struct pattern *p = &select->patterns[i];
		bool matches =
			p->glob ? ctl_select_matches(p->glob, info->path) : info->id >= p->first && info->id <= p->last;

		if (!matches || (select->keep && !select->keep(info)))
			continue;
		p->has_matched = is_match = true;
		is_glob &= p->glob != NULL;
	}
	if (!is_match)
		return 0;
	choice = add(select->selection);
	if (!choice)
		return SEGREG_E_NOMEM;
	*choice = (struct ctl_choice){ info->id, strdup(info->path), true, is_glob };
	select->selection->n_matches++;
	return choice->path ? 0 : SEGREG_E_NOMEM;
}

static int by_id(const void *a, const void *b)
{
	const struct ctl_choice *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int gather_matches(struct select *select)
{
	struct ctl_selection *selection = select->selection;
	int code = segreg_list(select->ctl->reg, consider, select);

	if (code)
		return ctl_fail(select->ctl, code);
	for (size_t i = 0; i < select->n_patterns; i++)
		if (!select->patterns[i].has_matched)
			return ctl_error(select->ctl, EX_NOINPUT, "no %ssegment matches '%s'; segctl ls shows all",
					 select->keep ? "live " : "", select->patterns[i].operand);
	qsort(selection->items + selection->n - selection->n_matches, selection->n_matches, sizeof *selection->items,
	      by_id);
	return EX_OK;
}

int ctl_select(const struct ctl *ctl, int n, bool (*keep)(const struct segreg_info *info),
	       struct ctl_selection *selection)
{
	struct select select = { .ctl = ctl, .keep = keep, .selection = selection };
	int status = EX_OK;

	*selection = (struct ctl_selection){ .n = 0 };
	select.patterns = calloc((size_t)n + 1, sizeof *select.patterns);
	if (!select.patterns)
		return ctl_fail(ctl, SEGREG_E_NOMEM);
	for (int i = 0; i < n && !status; i++)
		status = add_operand(&select, ctl->operand[i]);
	if (!status && select.n_patterns)
		status = gather_matches(&select);
	free(select.patterns);
	return status;
}

void ctl_select_free(struct ctl_selection *selection)
{
	for (size_t i = 0; i < selection->n; i++)
		free(selection->items[i].path);
	free(selection->items);
}

int ctl_select_find(const struct ctl *ctl, const struct ctl_choice *choice, uint64_t *id)
{
	*id = choice->id;
	return choice->path && !choice->is_match ? segreg_find(ctl->reg, choice->path, id, NULL) : 0;
}
