/*
 * chosen_ids.c - SEGREG_ID_NEXT: the registry chooses ids, each once.
 */
#include "discard.h"
#include "harness.h"
#include "peer.h"

#include <stdio.h>

#define CHOSEN (1ull << 63)

static void the_registry_chooses_ids(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_edit *edit;

	for (int i = 1; i <= 6; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		t_make_file(&w, name, SIZE);
	}
	T_OK(segreg_register(reg, SEGREG_ID_NEXT, "1"));
	T_EQ(id_of(reg, "1"), CHOSEN);
	T_OK(segreg_register(reg, CHOSEN + 1, "2")); /* a caller's, in the way */
	T_OK(segreg_edit_begin(reg, &edit));
	T_OK(segreg_edit_add(edit, SEGREG_ID_NEXT, "3"));
	T_OK(segreg_edit_add(edit, SEGREG_ID_NEXT, "4"));
	T_OK(segreg_edit_commit(edit, NULL));
	T_EQ(id_of(reg, "3"), CHOSEN + 2);
	T_EQ(id_of(reg, "4"), CHOSEN + 3);

	/* Again: the segment keeps its id. */
	T_OK(segreg_register(reg, SEGREG_ID_NEXT, "3"));
	T_EQ(id_of(reg, "3"), CHOSEN + 2);

	/* Not even after it is gone, and after a restart, is an id given again. */
	T_OK(segreg_retire_path(reg, "4"));
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
	reg = t_open(&w);
	T_OK(segreg_register(reg, SEGREG_ID_NEXT, "5"));
	T_EQ(id_of(reg, "5"), CHOSEN + 4);
	T_OK(discard(reg, "6"));
	T_EQ(id_of(reg, "6"), CHOSEN + 5);

	/* A reservation, which is published under the same name. */
	T_OK(segreg_reserve(reg, SEGREG_ID_NEXT, "7"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(reg, SEGREG_ID_NEXT, "7"));
	T_EQ(state_of(reg, "7"), SEGREG_BUILDING);
	t_make_file(&w, "7", SIZE);
	T_ERR(SEGREG_E_NOENT, segreg_retire_path(reg, "7"));
	T_OK(segreg_register(reg, SEGREG_ID_NEXT, "7"));
	T_EQ(state_of(reg, "7"), SEGREG_LIVE);
	T_EQ(id_of(reg, "7"), CHOSEN + 6);
	t_close(reg);
}

/* What a refused edit asked for, it asks for again, and so do riders. */
static int do_register_next(struct peer_self *self, void *arg)
{
	return segreg_register(self->reg, SEGREG_ID_NEXT, arg);
}

static void ids_are_chosen_for_riders(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *leader = peer_start(&w, PEER_PROCESS), *rider = peer_start(&w, PEER_PROCESS);
	char a[] = "a", b[] = "b";

	t_make_file(&w, a, SIZE);
	t_make_file(&w, b, SIZE);
	T_OK(peer_open(leader));
	T_OK(peer_open(rider));
	peer_run_to(leader, "group.leading", do_register_next, a, sizeof(a));
	peer_run_to(rider, "letter.posted", do_register_next, b, sizeof(b));
	peer_go_on(rider);
	peer_go_on(leader);
	T_OK(peer_end(leader, NULL));
	T_OK(peer_end(rider, NULL));
	T_EQ(id_of(reg, a), CHOSEN);
	T_EQ(id_of(reg, b), CHOSEN + 1);
	peer_exit(leader);
	peer_exit(rider);
	t_close(reg);
}

T_SUITE(chosen_ids, { "the registry chooses ids, and none twice", the_registry_chooses_ids },
	{ "the registry chooses ids for riders", ids_are_chosen_for_riders });
