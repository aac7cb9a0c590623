/*
 * queue.pml - threads of one process whose edits a leader of the same process takes along, beside a leader of another process.
 *
 * The threads share one letter and a queue. A thread that finds the commit lock taken claims the letter, or joins the queue. A leader of
 * this process takes the letter and the queued threads, and commits all together. A foreign leader takes the letter only. The
 * whole process may be killed before any step: its threads, its queue and its locks go at once, and what LMDB has stays.
 *
 * A thread sleeps until somebody calls. A slice of its sleep ends only after a foreign leader gave the lock back, for a foreign
 * leader calls nobody. So a call that this process forgets leaves a thread asleep for ever, and is an invalid end state.
 */
#ifndef THREADS
#define THREADS 2
#endif
#ifndef EDITS
#define EDITS 1		/* of each thread */
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef FOREIGN_TURNS
#define FOREIGN_TURNS 1	/* commits of the other process */
#endif
#ifndef GIVE_UPS
#define GIVE_UPS 1	/* waits that end because time is up */
#endif
#ifndef TROUBLES
#define TROUBLES 1	/* commits that fail with company: the riders go back, and the leader tries alone */
#endif
#ifndef UNKNOWNS
#define UNKNOWNS 1	/* commits of which nobody knows whether they are on the disk */
#endif
#ifndef REFUSALS
#define REFUSALS 1
#endif
#define FOREIGNER THREADS
#define NOBODY 255

mtype = { OUT, QUEUED, TAKEN, DONE };	/* of a waiter */
mtype = { FREE, POSTED, READ, ANSWERED };	/* of the letter; READ: a leader has it */
mtype = { MADE, REFUSED, UNKNOWN };	/* answers */

typedef waiter_t {
	mtype state;
	byte edit;
	mtype answer;
	bool called;		/* "calls" is no longer what this thread saw */
};

waiter_t waiter[THREADS];
byte holder = NOBODY;		/* of the commit lock */
bool spoiled;			/* the store's generation is another: this process commits no more with its handles */
bool dead;

byte letter_of = NOBODY;	/* letter_in_use */
mtype letter = FREE;
byte letter_edit;
mtype letter_answer;

short made;			/* LMDB: edits that are durable */
short told_made, told_not, told_unknown;
byte edits, kills, turns, give_ups, troubles, unknowns, refusals;

#define BIT(e) (1 << (e))

/* A commit has this edit. */
#define MAKE(e) \
	assert(!(made & BIT(e)));		/* nothing is made twice */ \
	assert(!(told_not & BIT(e)));		/* nor what was reported to its thread as not made */ \
	made = made | BIT(e)

#define TELL_MADE atomic { assert(made & BIT(mine)); told_made = told_made | BIT(mine) }
#define TELL_NOT atomic { assert(!(made & BIT(mine))); told_not = told_not | BIT(mine) }
#define TELL_UNKNOWN told_unknown = told_unknown | BIT(mine)
#define TELL(a) \
	if \
	:: a == MADE -> TELL_MADE \
	:: a == REFUSED -> TELL_NOT \
	:: a == UNKNOWN -> TELL_UNKNOWN \
	fi

/* sr_queue_wake_all. */
inline call()
{
	d_step {
		k = 0;
		do :: k < THREADS -> waiter[k].called = 1; k++ :: else -> break od;
		k = 0
	}
}

/* sr_queue_wake_queued: a look under the mutex, then a call. */
inline nudge()
{
	d_step {
		any = 0; k = 0;
#ifndef BUG_NO_NUDGE
		do :: k < THREADS -> any = any || waiter[k].state == QUEUED; k++ :: else -> break od;
#endif
		k = 0
	}
	if :: any -> call() :: else fi
}

/* sr_commit_lock_give. */
inline give_lock()
{
	holder = NOBODY;
	nudge()
}

/* sr_commit_lock_try: got, or it is busy, or fails since the handle is spoiled. */
inline try_lock()
{
	atomic { got = holder == NOBODY; if :: got -> holder = me :: else fi }
	fails = 0;
	if
	:: got && spoiled -> got = 0; fails = 1; give_lock()
	:: else
	fi
}

/* sr_queue_leave. */
inline leave_queue()
{
	atomic {
#ifdef BUG_LEAVES_WHILE_TAKEN
		did = 1;
#else
		did = waiter[me].state == QUEUED;
#endif
		if :: did -> waiter[me].state = OUT :: else fi
	}
}

/* The leader touches a waiter only while it is TAKEN: after that its memory is its thread's. */
inline hand_back_threads()
{
	i = 0;
	do
	:: i < THREADS ->
		if
		:: seat[i] -> atomic { assert(waiter[i].state == TAKEN); waiter[i].state = QUEUED }
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

inline answer_threads()
{
	i = 0;
	do
	:: i < THREADS ->
		if
		:: seat[i] -> atomic { assert(waiter[i].state == TAKEN); waiter[i].answer = verdict[i]; waiter[i].state = DONE }
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

/* part: nobody is on board after it. */
inline part_threads()
{
	d_step {
		any = 0; k = 0;
		do :: k < THREADS -> any = any || seat[k]; seat[k] = 0; k++ :: else -> break od;
		k = 0
	}
#ifndef BUG_NO_CALL
	if :: any -> call() :: else fi
#endif
}

inline board()
{
	atomic { if :: letter == POSTED -> letter = READ; has_letter = 1 :: else fi }
	i = 0;
	do
	:: i < THREADS ->
		atomic { if :: waiter[i].state == QUEUED -> waiter[i].state = TAKEN; seat[i] = 1; n++ :: else fi }
		i++
	:: else -> break
	od;
	i = 0
}

/* Any edit may be refused: each thread's, the letter's, the leader's own. */
inline plan()
{
	atomic {
		own = MADE; letters = MADE; i = 0;
		do
		:: i < THREADS ->
			verdict[i] = MADE;
			if :: seat[i] && refusals < REFUSALS -> refusals++; verdict[i] = REFUSED :: true fi;
			i++
		:: else -> break
		od;
		i = 0;
		if :: has_letter && refusals < REFUSALS -> refusals++; letters = REFUSED :: true fi;
		if :: refusals < REFUSALS -> refusals++; own = REFUSED :: true fi
	}
}

inline make_all()
{
	if :: own == MADE -> MAKE(mine) :: else fi;
	if :: has_letter && letters == MADE -> MAKE(letter_edit) :: else fi;
	i = 0;
	do
	:: i < THREADS ->
		if :: seat[i] && verdict[i] == MADE -> MAKE(waiter[i].edit) :: else fi;
		i++
	:: else -> break
	od;
	i = 0
}

/* sr_store_commit. Nobody knows: it is made or not, and this process's handles are spoiled. */
inline commit()
{
	atomic {
		is_unknown = 0;
		if
		:: make_all()
		:: unknowns < UNKNOWNS -> unknowns++; is_unknown = 1; spoiled = 1; make_all()
		:: unknowns < UNKNOWNS -> unknowns++; is_unknown = 1; spoiled = 1
		fi
	}
}

/* With the commit lock, which is given back. */
inline lead()
{
	n = 0; has_letter = 0;
	board();
	plan();
	if
	:: (n || has_letter) && troubles < TROUBLES ->
		troubles++;
		if :: has_letter -> letter = POSTED; has_letter = 0 :: else fi;
		hand_back_threads();
#ifdef BUG_HANDS_BACK_TWICE
		hand_back_threads();
#endif
		part_threads();
		n = 0
	:: true
	fi;
#ifdef BUG_ANSWER_BEFORE_COMMIT
	answer_threads();
	part_threads();
	n = 0;
#endif
	commit();
	if
	:: is_unknown -> /* the letter stays with a leader; its rider finds out */
		own = UNKNOWN;
		give_lock();
#ifdef BUG_UNKNOWN_HANDED_BACK
		hand_back_threads();
#else
		d_step {
			i = 0;
			do :: i < THREADS -> verdict[i] = UNKNOWN; i++ :: else -> break od;
			i = 0
		}
		answer_threads();
#endif
	:: else ->
		if :: has_letter -> atomic { letter_answer = letters; letter = ANSWERED } :: else fi;
		give_lock();
		answer_threads()
	fi;
	part_threads();
	TELL(own);
	d_step {
		own = 0; letters = 0; n = 0; has_letter = 0; is_unknown = 0; any = 0;
		do :: i < THREADS -> verdict[i] = 0; i++ :: else -> break od;
		i = 0
	}
}

/* sr_letter_claim; sr_letter_release. */
inline claim_letter()
{
	atomic { got = letter_of == NOBODY && letter == FREE; if :: got -> letter_of = me :: else fi }
}

inline release_letter()
{
	letter_of = NOBODY;
	nudge()
}

/* post_and_ride. group.pml has what befalls letters; here the rider waits until there is something to do. */
inline ride()
{
	letter_edit = mine;
	letter = POSTED;
	do
	:: letter == ANSWERED -> TELL(letter_answer); letter = FREE; break
	:: letter != ANSWERED && holder == NOBODY ->
		try_lock();
		if
		:: got || fails ->
			atomic { did = letter == POSTED; if :: did -> letter = FREE :: else fi }
			if
			:: did && got -> lead(); break
			:: did && fails -> TELL_NOT; break
			:: !did && fails && letter == READ -> TELL_UNKNOWN; letter = FREE; break /* forsaken */
			:: !did && got -> give_lock()
			:: else
			fi
		:: else
		fi
	od;
	release_letter()
}

inline wait_in_queue()
{
	waiter[me].edit = mine;
	waiter[me].state = QUEUED;
	do
	:: true ->
		atomic { waiter[me].called = 0; seen = waiter[me].state } /* sr_queue_look */
		if
		:: seen == DONE -> TELL(waiter[me].answer); waiter[me].state = OUT; break
		:: seen == QUEUED ->
			try_lock();
			if
			:: got || fails ->
#ifdef BUG_LEADS_WHILE_QUEUED
				did = 1;
#else
				leave_queue();
#endif
				if
				:: did && got -> lead(); waiter[me].state = OUT; break
				:: did && fails -> TELL_NOT; break
				:: !did && got -> give_lock()
				:: else
				fi
			:: else ->
				if :: travels -> claim_letter() :: else fi;
				if
				:: got ->
#ifdef BUG_POSTS_WHILE_QUEUED
					did = 1;
#else
					leave_queue();
#endif
					if
					:: did -> ride(); waiter[me].state = OUT; break
					:: else -> release_letter()
					fi
				:: else
				fi
			fi
		:: else
		fi;
		if
		:: give_ups < GIVE_UPS ->
			give_ups++;
			leave_queue();
			if
			:: did -> TELL_NOT; break
			:: else
			fi
		:: true
		fi;
#ifdef BUG_SLEEPS_UNSEEN
		waiter[me].called = 0;
#endif
		waiter[me].called
	od
}

proctype thread(byte me)
{
	byte i, k, n, mine, count;
	bool did, got, fails, any, has_letter, is_unknown, travels;
	bool seat[THREADS];
	mtype verdict[THREADS], own, letters, seen;

	{
		do
		:: count < EDITS ->
			count++;
			atomic { mine = edits; edits++ }
			try_lock();
			if
			:: got -> lead()
			:: fails -> TELL_NOT
			:: else ->
				if :: travels = 1; claim_letter() :: travels = 0 fi; /* a reservation cannot travel */
				if
				:: got -> ride()
				:: else -> wait_in_queue()
				fi
			fi
		:: else -> break
		od
	} unless { dead }
}

/* A leader of another process: it gives the lock back, or dies. It calls no thread of ours; their slices end. */
proctype foreigner()
{
	byte e;
	bool has_letter;

	do
	:: turns < FOREIGN_TURNS ->
		atomic { holder == NOBODY -> holder = FOREIGNER; turns++ }
		atomic { has_letter = letter == POSTED; if :: has_letter -> letter = READ; e = letter_edit :: else fi }
		if
		:: has_letter ->
			atomic { MAKE(e) }
			atomic { if :: letter == READ -> letter_answer = MADE; letter = ANSWERED :: else fi }
		:: else
		fi;
		atomic {
			holder = NOBODY;
			for (e : 0 .. THREADS - 1) {
				waiter[e].called = 1
			}
			e = 0
		}
	:: else -> break
	od
}

/* The kernel lets the locks of the process go, and somebody empties its lane. */
proctype killer()
{
	do
	:: atomic {
		kills < KILLS && !dead ->
		kills++;
		dead = 1;
		letter = FREE;
		if :: holder != NOBODY && holder != FOREIGNER -> holder = NOBODY :: else fi
	   }
	:: break
	od
}

active proctype survivor()
{
	byte n;

	atomic {
		for (n : 0 .. THREADS - 1) {
			waiter[n].state = OUT
		}
		for (n : 0 .. THREADS - 1) {
			run thread(n)
		}
		run foreigner();
		run killer()
	}
	_nr_pr == 1;
	assert(holder == NOBODY);
	assert((told_made & made) == told_made);
	assert(!(told_not & made));
	if
	:: !dead ->
		assert(letter_of == NOBODY);
		assert((told_made | told_not | told_unknown) == BIT(edits) - 1);
		for (n : 0 .. THREADS - 1) {
			assert(waiter[n].state == OUT)
		}
	:: else
	fi
}
