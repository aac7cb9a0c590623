/*
 * peer_commands.c - what tests order peers to do most often: calls of the library.
 */
#include "harness.h"
#include "peer.h"

#include <stdio.h>
#include <string.h>

static uint64_t id_of(const void *arg)
{
	uint64_t id;

	memcpy(&id, arg, sizeof(id));
	return id;
}

int peer_do_open(struct peer_self *self, void *arg)
{
	const struct segreg_open_options options = { .size = sizeof(options), .flags = SEGREG_CREATE, .label = "peer" };

	(void)arg;
	return segreg_open(self->world.dir, &options, &self->reg);
}

int peer_do_close(struct peer_self *self, void *arg)
{
	uint64_t released = 0;
	int rc = segreg_close(self->reg, &released);

	if (arg)
		memcpy(arg, &released, sizeof(released));
	self->reg = NULL;
	self->pins = 0;
	return rc;
}

struct pin_request {
	uint64_t id;
	unsigned flags;
};

static int do_pin(struct peer_self *self, void *arg)
{
	const struct pin_request *request = arg;

	if (self->pins == PEER_PINS)
		T_FAIL("too many pins in one peer");
	int rc = segreg_pin(self->reg, request->id, request->flags, &self->pin[self->pins]);

	self->pins += rc == 0;
	return rc;
}

int peer_do_pin(struct peer_self *self, void *arg)
{
	struct pin_request request = { .id = id_of(arg) };

	return do_pin(self, &request);
}

int peer_do_unpin(struct peer_self *self, void *arg)
{
	uint64_t id = id_of(arg);
	unsigned i = self->pins;

	while (i > 0 && self->pin[i - 1].id != id)
		i--;
	if (i == 0)
		T_FAIL("this peer has no pin of %llu", (unsigned long long)id);
	int rc = segreg_unpin(self->reg, &self->pin[i - 1]);

	self->pin[i - 1] = self->pin[--self->pins];
	return rc;
}

int peer_do_register(struct peer_self *self, void *arg)
{
	const struct peer_registration *registration = arg;

	return segreg_register(self->reg, registration->id, registration->path);
}

int peer_do_retire(struct peer_self *self, void *arg)
{
	return segreg_retire(self->reg, id_of(arg));
}

static int do_sweep(struct peer_self *self, void *arg)
{
	return segreg_sweep(self->reg, NULL, arg);
}

int peer_do_sweep(struct peer_self *self, void *arg)
{
	(void)arg;
	return do_sweep(self, NULL);
}

int peer_open(struct peer *peer)
{
	return peer_call(peer, peer_do_open, NULL, 0);
}

int peer_close(struct peer *peer, uint64_t *released)
{
	uint64_t count = 0;
	int rc = peer_call(peer, peer_do_close, &count, sizeof(count));

	if (released && rc == 0)
		*released = count;
	return rc;
}

int peer_pin(struct peer *peer, uint64_t id)
{
	return peer_call(peer, peer_do_pin, &id, sizeof(id));
}

int peer_pin_flags(struct peer *peer, uint64_t id, unsigned flags)
{
	struct pin_request request = { .id = id, .flags = flags };

	return peer_call(peer, do_pin, &request, sizeof(request));
}

int peer_unpin(struct peer *peer, uint64_t id)
{
	return peer_call(peer, peer_do_unpin, &id, sizeof(id));
}

int peer_register(struct peer *peer, uint64_t id, const char *path)
{
	struct peer_registration registration = { .id = id };

	snprintf(registration.path, sizeof(registration.path), "%s", path);
	return peer_call(peer, peer_do_register, &registration, sizeof(registration));
}

int peer_retire(struct peer *peer, uint64_t id)
{
	return peer_call(peer, peer_do_retire, &id, sizeof(id));
}

int peer_sweep(struct peer *peer, struct segreg_sweep_result *result)
{
	struct segreg_sweep_result swept = { .size = sizeof(swept) };
	int rc = peer_call(peer, do_sweep, &swept, sizeof(swept));

	if (result && rc == 0)
		*result = swept;
	return rc;
}
