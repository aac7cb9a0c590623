/*
 * group.pml - edits that travel with another process's commit: letters, leaders, riders who wait in vain, and deaths.
 *
 * Each worker has a lane with one letter, and makes its edits one after the other. Who finds the commit lock taken posts a letter;
 * who has it takes the letters that it finds, commits all together, and answers. Anybody may be killed before any step; then another
 * process takes the lane over. LMDB has what is durable: which edits are made, and which letters rode along with the last commit.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef EDITS
#define EDITS 1		/* of each process */
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef GIVE_UPS
#define GIVE_UPS 1	/* of all together: waits that end because time is up */
#endif
#ifndef TROUBLES
#define TROUBLES 1	/* commits that fail with company, and succeed alone */
#endif
#ifndef REFUSALS
#define REFUSALS 1
#endif
#define SEATS 3		/* for riders */
#define NOBODY 255

mtype = { FREE, POSTED, TAKEN, DONE, FORSAKEN };

typedef lane_t {
	bool byte_held;		/* its process lives */
	bool posted;		/* the bit in the header */
	byte epoch;
	byte seq, edit;		/* of the letter, as are: */
	mtype state;
	bool refused;
};

lane_t lane[WORKERS];
byte leader = NOBODY;		/* the commit lock */
bool dirty;			/* its word */

/* LMDB: edits, and of each lane the letter that rode along. */
short made;
byte rider_epoch[WORKERS], rider_seq[WORKERS];

/* What calls returned; edits have numbers. */
short told_not, told_unknown;
byte edits;
byte kills, give_ups, troubles, refusals;

#define BIT(e) (1 << (e))

#define IS_KILLED atomic { kills < KILLS -> kills++; goto dies }
#define STEP if :: skip :: IS_KILLED fi

inline swap(l, from, to, did)
{
	atomic {
		did = lane[l].state == from;
		if :: did -> lane[l].state = to :: else fi
	}
}

/* sr_letter_answer. */
inline answer(l, an_epoch, a_seq, is_refused)
{
	if
#ifdef BUG_NUMBER_NOT_COMPARED
	:: true ->
#else
	:: lane[l].epoch == an_epoch && lane[l].seq == a_seq ->
#endif
		lane[l].refused = is_refused;
		swap(l, TAKEN, DONE, did);
		if :: !did -> swap(l, FORSAKEN, FREE, did) :: else fi
	:: else
	fi
}

/* sr_letter_hand_back. */
inline hand_back(l, an_epoch, a_seq)
{
	if
	:: lane[l].epoch == an_epoch && lane[l].seq == a_seq ->
		swap(l, TAKEN, POSTED, did);
		if
		:: did -> lane[l].posted = 1
#ifdef BUG_FORSAKEN_POSTED
		:: !did -> swap(l, FORSAKEN, POSTED, did); lane[l].posted = 1
#else
		:: !did -> swap(l, FORSAKEN, FREE, did)
#endif
		fi
	:: else
	fi
}

/* sr_letter_settle, in a repair by the present holder of the commit lock. */
inline settle()
{
	n = 0;
	do
	:: n < WORKERS ->
		STEP;
		if
		:: lane[n].state == TAKEN || lane[n].state == FORSAKEN ->
			e = lane[n].epoch;
			s = lane[n].seq;
			if
#ifdef BUG_REPAIR_ANSWERS_ALL
			:: true -> answer(n, e, s, 0)
#else
			:: rider_epoch[n] == e && rider_seq[n] == s -> answer(n, e, s, 0)
			:: else -> hand_back(n, e, s)
#endif
			fi
		:: else
		fi;
		n++
	:: else -> break
	od;
	STEP;
	dirty = 0
}

/* sr_letter_take of each lane in turn: clear the bit, take, look whether its process lives, read. */
inline board()
{
	n = 0;
	do
	:: n < WORKERS && riders < SEATS ->
		if
		:: n != me && lane[n].posted ->
			STEP;
			lane[n].posted = 0;
			swap(n, POSTED, TAKEN, did);
			if
			:: did ->
				STEP;
				if
				:: lane[n].byte_held ->
					atomic { seat_lane[riders] = n; seat_epoch[riders] = lane[n].epoch; seat_seq[riders] = lane[n].seq }
					seat_edit[riders] = lane[n].edit;
#ifdef BUG_READ_NOT_CHECKED
					riders++
#else
					atomic {
						if
						:: (lane[n].state == TAKEN || lane[n].state == FORSAKEN) && lane[n].epoch == seat_epoch[riders] -> riders++
						:: else
						fi
					}
#endif
				:: else -> swap(n, TAKEN, FREE, did)
				fi
			:: else
			fi
		:: else
		fi;
		n++
	:: else -> break
	od
}

/* Any rider may be refused. */
inline plan()
{
	atomic {
		for (n : 0 .. SEATS - 1) {
			seat_refused[n] = 0;
			if
			:: n < riders && refusals < REFUSALS -> refusals++; seat_refused[n] = 1
			:: true
			fi
		}
	}
}

/* sr_change_commit_open: all at once. */
inline commit()
{
	atomic {
		assert(!(made & BIT(mine)) && !(told_not & BIT(mine)));
		made = made | BIT(mine);
		for (n : 0 .. WORKERS - 1) {
			rider_epoch[n] = NOBODY
		}
		for (n : 0 .. SEATS - 1) {
			if
			:: n < riders && !seat_refused[n] ->
				assert(!(made & BIT(seat_edit[n])));		/* nothing is made twice */
				assert(!(told_not & BIT(seat_edit[n])));	/* nor what was reported as not made */
				made = made | BIT(seat_edit[n]);
#ifndef BUG_RIDERS_NOT_WRITTEN
				rider_epoch[seat_lane[n]] = seat_epoch[n];
				rider_seq[seat_lane[n]] = seat_seq[n]
#endif
			:: else
			fi
		}
		n = 0
	}
}

inline answer_all()
{
	i = 0;
	do
	:: i < riders ->
		STEP;
		answer(seat_lane[i], seat_epoch[i], seat_seq[i], seat_refused[i]);
		i++
	:: else -> break
	od
}

/* With the commit lock, which is given back. */
inline lead()
{
	riders = 0;
#ifndef BUG_DIRTY_LATE
	STEP;
	dirty = 1;
#endif
	board();
	board(); /* until none waits; whose process was another's meanwhile may be here twice */
	plan();
	if
	:: riders > 0 && troubles < TROUBLES -> /* fails for the group: the letters go back, and this one goes alone */
		troubles++;
		i = 0;
		do
		:: i < riders -> STEP; hand_back(seat_lane[i], seat_epoch[i], seat_seq[i]); i++
		:: else -> break
		od;
		riders = 0
	:: true
	fi;
	STEP;
#ifdef BUG_DIRTY_LATE
	dirty = 1;
#endif
#ifdef BUG_ANSWER_BEFORE_COMMIT
	answer_all();
	STEP;
	commit();
#else
	commit();
	answer_all();
#endif
	STEP;
	dirty = 0;
	leader = NOBODY
}

/* sr_commit_lock_try: did; what a dead leader left is repaired on the way in. */
inline try_lock()
{
	atomic { did = leader == NOBODY; if :: did -> leader = me :: else fi }
	got = did;
	if
	:: got && dirty -> settle()
	:: else
	fi
}

proctype worker(byte me)
{
	byte n, i, e, s, riders, mine, count;
	bool did, got;
	byte seat_lane[SEATS], seat_epoch[SEATS], seat_seq[SEATS], seat_edit[SEATS];
	bool seat_refused[SEATS];

begins:	count = 0;
	do
	:: count < EDITS ->
		count++;
		atomic { mine = edits; edits++ }
		try_lock();
		if
		:: got -> lead(); goto made_it
		:: !got && lane[me].state != FREE -> /* a leader has it from before: wait for the lock */
			do
			:: leader == NOBODY -> try_lock(); if :: got -> break :: else fi
			od;
			lead();
			goto made_it
		:: else
		fi;
		STEP;
		atomic { lane[me].seq++; lane[me].edit = mine }
		swap(me, FREE, POSTED, did);
		lane[me].posted = 1;
		do
		:: IS_KILLED
		:: lane[me].state == DONE ->
			assert(lane[me].refused || (made & BIT(mine)));
			if
			:: lane[me].refused -> atomic { assert(!(made & BIT(mine))); told_not = told_not | BIT(mine) }
			:: else
			fi;
			lane[me].state = FREE;
			break
		:: lane[me].state != DONE && leader == NOBODY ->
			try_lock();
			if
			:: got ->
				swap(me, POSTED, FREE, did);
				if
				:: did -> lead(); goto made_it
				:: else ->
					assert(lane[me].state == DONE); /* where nobody leads, nothing is taken */
					leader = NOBODY
				fi
			:: else
			fi
		:: atomic { give_ups < GIVE_UPS && lane[me].state != DONE -> give_ups++ }
			swap(me, POSTED, FREE, did);
#ifdef BUG_TAKEN_WITHDRAWN
			if :: !did -> swap(me, TAKEN, FREE, did) :: else fi;
#endif
			if
			:: did -> atomic { assert(!(made & BIT(mine))); told_not = told_not | BIT(mine) } break
			:: else
			fi;
			swap(me, TAKEN, FORSAKEN, did);
			if
			:: did -> told_unknown = told_unknown | BIT(mine); break
			:: else
			fi
		od;
		goto next;
made_it:	assert(made & BIT(mine));
next:		skip
	:: else -> break
	od;
	goto ends;

	/* The kernel releases its locks; some process empties the lane, and another process gets it. */
dies:	atomic {
		lane[me].byte_held = 0;
		if :: leader == me -> leader = NOBODY :: else fi
	}
	lane[me].state = FREE;
	lane[me].epoch++;
	lane[me].byte_held = 1;
	goto begins;
ends:	skip
}

/* When all have ended: no leader is left to be waited for, and nobody's answer. */
active proctype survivor()
{
	byte n;

	atomic {
		for (n : 0 .. WORKERS - 1) {
			lane[n].byte_held = 1;
			lane[n].state = FREE;
			rider_epoch[n] = NOBODY
		}
		for (n : 0 .. WORKERS - 1) {
			run worker(n)
		}
	}
	_nr_pr == 1;
	assert(leader == NOBODY);
	assert(!dirty);
	assert(!(made & told_not));
	for (n : 0 .. WORKERS - 1) {
		assert(lane[n].state == FREE)
	}
}
