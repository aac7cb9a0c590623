/*
 * bell.c - segregd's thread that sleeps until the registry has something to sweep.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include "segreg.h"
#include "segregd/bell.h"

static void *ring(void *arg)
{
	struct bell *bell = arg;
	uint32_t ticket = 0;

	while (!segreg_sweep_wait(bell->reg, &ticket, -1) && sem_trywait(&bell->leaving) == -1) {
		eventfd_write(bell->fd, 1);
		sem_wait(&bell->released);
	}
	return NULL;
}

int bell_start(struct bell *bell, struct segreg *reg)
{
	bell->reg = reg;
	bell->has_rung = false;
	sem_init(&bell->released, 0, 0);
	sem_init(&bell->leaving, 0, 0);
	bell->is_running = pthread_create(&bell->ringer, NULL, ring, bell) == 0;
	if (!bell->is_running)
		return SEGREG_E_NOMEM;
	pthread_setname_np(bell->ringer, "segregd-ringer");
	return 0;
}

void bell_stop(struct bell *bell)
{
	if (!bell->is_running)
		return;
	sem_post(&bell->leaving);
	sem_post(&bell->released);
	segreg_sweep_wake(bell->reg);
	pthread_join(bell->ringer, NULL);
	sem_destroy(&bell->released);
	sem_destroy(&bell->leaving);
	bell->is_running = false;
}

void bell_hear(struct bell *bell)
{
	eventfd_t rings;

	bell->has_rung = eventfd_read(bell->fd, &rings) == 0;
}

void bell_release(struct bell *bell)
{
	if (bell->has_rung)
		sem_post(&bell->released);
	bell->has_rung = false;
}
