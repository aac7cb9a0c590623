/*
 * soak_roles.h - what the processes of the soak share, and what each of them does.
 */
#ifndef ENGINES_SOAK_ROLES_H
#define ENGINES_SOAK_ROLES_H

#include <atomic>
#include <string>
#include <vector>

#include <stdint.h>

#include "soak.h"

struct segreg;

const int kGroups = 40;
const int kInGroup = 25;
const int kKeys = kGroups * kInGroup;

enum Role { kWriter, kScanner, kFollower, kPinner, kSweeper, kRoles };
extern const char *const role_names[kRoles];

/* Shared by all processes. */
struct Board {
	std::atomic<uint64_t> begun[kGroups]; /* the writer puts this generation */
	std::atomic<uint64_t> acked[kGroups]; /* the engine has acknowledged this generation */
	std::atomic<uint64_t> puts;           /* groups that were put */
	std::atomic<uint64_t> reads[kRoles];  /* whole scans */
	std::atomic<uint64_t> failures;
	std::atomic<bool> stop;
};

extern Board *board;
extern std::string db_dir, registry_dir, scratch_dir;
extern bool control; /* without segreg */

/* A reader's or the writer's finding. With segreg it is a violation. */
[[noreturn]] __attribute__((format(printf, 2, 3))) void Fail(Role role, const char *format, ...);

/* What a process of that role does until the soak ends. */
[[noreturn]] void Play(Role role);

/* The parts that the director needs too. */
struct segreg *OpenRegistry(Role role);
std::string PutGroup(Writer *writer, int group);
std::vector<uint64_t> Acknowledged();
void CheckWriter(Writer *writer);
void Sleep(int milliseconds);

#endif
