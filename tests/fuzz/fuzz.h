/*
 * fuzz.h - targets: what takes bytes that anybody may have written, and must neither crash nor hang nor delete what is
 * not its own.
 *
 * One program has all targets: "segreg-fuzz TARGET ...". Built by clang with libFuzzer it invents inputs; built by any
 * compiler it replays the files that it is given (replay.c). A target is one file with one struct fuzz_target.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct fuzz_target {
	const char *name;
	void (*prepare)(void); /* once; may be NULL */
	void (*one)(const uint8_t *data, size_t size);
};

extern const struct fuzz_target fuzz_codec, fuzz_config, fuzz_letter, fuzz_load, fuzz_lockinfo, fuzz_paths, fuzz_region,
	fuzz_segctl, fuzz_values;

/* What libFuzzer calls. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* End the process: a claim does not hold, or the fuzzer itself cannot go on. */
void fuzz_broken(const char *file, int line, const char *claim) __attribute__((noreturn));
#define FUZZ_CLAIM(claim) ((claim) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #claim))

/* What a public call may return: 0, a count, or a code with its story. */
int fuzz_rc(int rc);

/* Let this process write below dir only, and make and remove objects of shared memory, where the kernel can restrict
 * it. SEGREG_FUZZ_DIR replaces dir if it is set, because libFuzzer starts further processes of this program. */
void fuzz_confine(const char *dir);

/* segctl's main without its end, which would close stdout. What it prints goes nowhere. */
void fuzz_hush(void);
int fuzz_segctl_run(int argc, char **argv);

/* A file of memory with these bytes; path becomes a name for it. The same one each time. */
int fuzz_file(const void *data, size_t size, char path[32]);

/* ---------------------------------------------------------------- an input, piece by piece; zeros when it is used up
 */

struct input {
	const uint8_t *at, *end;
};

static inline bool input_left(const struct input *in)
{
	return in->at < in->end;
}

static inline uint8_t input_u8(struct input *in)
{
	return input_left(in) ? *in->at++ : 0;
}

static inline uint16_t input_u16(struct input *in)
{
	uint16_t low = input_u8(in);

	return (uint16_t)(low | input_u8(in) << 8);
}

/* Take at most `most` bytes, and no more than are left. Returns how many. */
static inline size_t input_bytes(struct input *in, void *out, size_t most)
{
	size_t left = (size_t)(in->end - in->at), n = left < most ? left : most;

	memcpy(out, in->at, n);
	in->at += n;
	return n;
}

#endif
