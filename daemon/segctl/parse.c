/*
 * parse.c - the options and operands of a command line.
 */
#include <getopt.h>
#include <string.h>

#include "common/number.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/parse.h"
#include "segctl/suggest.h"

bool ctl_parse_id(const struct ctl *ctl, const char *text, uint64_t *id)
{
	if (tool_parse_number(text, UINT64_MAX, id))
		return true;
	ctl_usage(ctl, "'%s' is not an id: a decimal number below 2^64, or a hexadecimal one after 0x", text);
	return false;
}

bool ctl_parse_is_id(const char *text)
{
	const char *digits = "0123456789";

	if (!*text)
		return false;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		digits = "0123456789abcdefABCDEF";
		text += 2;
	}
	return !text[strspn(text, digits)];
}

int ctl_parse_segment(const struct ctl *ctl, const char *text, uint64_t *id)
{
	int code;

	if (ctl_parse_is_id(text))
		return ctl_parse_id(ctl, text, id) ? EX_OK : EX_USAGE;
	code = segreg_find(ctl->reg, text, id, NULL);
	return code ? ctl_fail(ctl, code) : EX_OK;
}

void ctl_parse_path(const struct ctl *ctl, const char *text, char path[SEGREG_PATH_MAX + 1])
{
	const char *base = segreg_base_path(ctl->reg);
	size_t length = strlen(base);
	char *to = path;

	if (!strncmp(text, base, length) && text[length] == '/')
		text += length;
	while (*text) {
		size_t size = strcspn(text, "/"), room = (size_t)(path + SEGREG_PATH_MAX - to);

		if (size && (size > 1 || *text != '.') && size + 1 <= room) {
			if (to > path)
				*to++ = '/';
			memcpy(to, text, size);
			to += size;
		}
		text += size + (text[size] == '/');
	}
	*to = '\0';
}

bool ctl_parse_option(const struct ctl *ctl, char letter, uint32_t *value)
{
	const char *text = ctl->option[(unsigned char)letter];
	uint64_t number;

	if (!text)
		return true;
	if (!tool_parse_number(text, UINT32_MAX, &number) || !number) {
		ctl_usage(ctl, "option -%c: '%s' is not a number from 1 to %" PRIu32, letter, text, UINT32_MAX);
		return false;
	}
	*value = (uint32_t)number;
	return true;
}

bool ctl_parse_span(const struct ctl *ctl, char letter, uint64_t *milliseconds)
{
	const char *text = ctl->option[(unsigned char)letter];

	if (!text || tool_parse_span(text, milliseconds))
		return true;
	ctl_usage(ctl, "option -%c: '%s' is not " TOOL_SPAN_EXAMPLES, letter, text);
	return false;
}

bool ctl_parse_bytes(const struct ctl *ctl, char letter, uint64_t *bytes)
{
	const char *text = ctl->option[(unsigned char)letter];

	if (!text || tool_parse_bytes(text, bytes))
		return true;
	ctl_usage(ctl, "option -%c: '%s' is not " TOOL_BYTES_EXAMPLES, letter, text);
	return false;
}

void ctl_parse_add_options(struct ctl_grammar *grammar, const struct ctl_option *options)
{
	for (; options && options->letter; options++) {
		grammar->letters[grammar->length++] = options->letter;
		if (options->arg)
			grammar->letters[grammar->length++] = ':';
		grammar->names[grammar->n++] = (struct option){
			.name = options->name,
			.has_arg = options->arg ? required_argument : no_argument,
			.val = options->letter,
		};
	}
}

/* getopt has written what is wrong. Add the option that is near to an unknown one. */
static void suggest_option(const struct ctl *ctl, const struct ctl_grammar *grammar, const char *typed)
{
	struct ctl_suggest suggest;

	if (optopt || !typed || strncmp(typed, "--", 2))
		return;
	ctl_suggest_begin(&suggest, typed + 2, strcspn(typed + 2, "="));
	for (size_t i = 0; i < grammar->n; i++)
		ctl_suggest_add(&suggest, grammar->names[i].name);
	if (*ctl_suggest_end(&suggest, "--"))
		ctl_error(ctl, EX_USAGE, "%s", suggest.text + strlen("; "));
}

bool ctl_parse_options(struct ctl *ctl, const struct ctl_grammar *grammar, int argc, char **argv)
{
	int letter;

	optind = 0;
	while ((letter = getopt_long(argc, argv, grammar->letters, grammar->names, NULL)) != -1) {
		if (letter == '?') {
			suggest_option(ctl, grammar, argv[optind - 1]);
			return false;
		}
		ctl->option[letter] = optarg ? optarg : "";
	}
	return true;
}
