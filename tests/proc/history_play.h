/*
 * history_play.h - a history, played by real processes on a real registry, and compared with the model after each step.
 */
#ifndef T_HISTORY_PLAY_H
#define T_HISTORY_PLAY_H

#include "history.h"

/* In a new world; a difference ends the test. *at becomes the number of the step under way. */
void model_play(const struct step *history, unsigned n, unsigned *at);

#endif
