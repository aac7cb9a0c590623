/*
 * evict.pml - an operator takes away what a handle holds, while its owner pins and a sweeper decides.
 *
 * One segment, one page of counts, which the owner gives memory to with its first pin. An evictor may be killed before any step,
 * and then another one comes.
 */
#ifndef EVICTORS
#define EVICTORS 2
#endif
#ifndef PINS
#define PINS 2
#endif
#ifndef SWEEPS
#define SWEEPS 2
#endif

#define SPOILED -100

mtype = { USED, EVICTING, EVICTED, PENDING, DECIDING, DELETING };

mtype lane = USED, word = PENDING;
bool page;                  /* it has memory */
short count;
byte table_lock;            /* 0: free */
bool unlinked;
bool held;                  /* the owner got the answer "pinned" and has not unpinned */

#define counts (lane == USED || lane == EVICTING)

#define TAKE(who) atomic { table_lock == 0 -> table_lock = who }
#define GIVE table_lock = 0

/* sr_lane_add_page: 0, or refused. */
inline add_page(refused)
{
#ifdef BUG_LOOK_BEFORE_BIT
	refused = lane != USED;
	count = 0;
	page = 1;
#else
	count = 0;
	page = 1;
#ifndef BUG_PAGE_NOT_LOOKED_AT
	refused = lane != USED;
#endif
#endif
	if
	:: refused -> count = SPOILED
	:: else
	fi
}

/* sr_pin: P2, P4, P5. */
active proctype owner()
{
	byte n;
	bool refused, late, negative;

	do
	:: n < PINS ->
		n++;
		refused = 0;
		late = lane == EVICTED;
		if
		:: !page -> add_page(refused)
		:: else
		fi;
		if
		:: refused || word != PENDING -> skip
		:: else ->
			atomic { count++; negative = count < 0 }
			if
			:: negative -> count--; assert(lane != USED)
			:: !negative && word == PENDING ->
				assert(!late); /* begun when it was evicted already: must not get the answer "pinned" */
				atomic { held = 1; assert(!unlinked || !counts) }
				atomic { count--; negative = count < 0; held = 0 }
				if
				:: negative -> count++; assert(lane != USED)
				:: else
				fi
			:: else -> count--
			fi
		fi
	:: else -> break
	od
}

/* A step, before which it may be killed: the kernel gives its locks back. */
#define STEP(what) if :: what :: goto dies fi

#define SPOIL if :: page -> count = SPOILED :: else fi

/* sr_lane_evict, by one operator after the other. */
active proctype operator()
{
	byte n;

	do
	:: n < EVICTORS ->
		n++;
		TAKE(2);
#ifdef BUG_SPOILED_FIRST
		SPOIL;
		STEP(lane = EVICTING);
#else
#ifdef BUG_EVICTED_AT_ONCE
		STEP(lane = EVICTED);
#else
		STEP(if :: lane == USED -> lane = EVICTING :: else fi);
#endif
#ifndef BUG_NOT_SPOILED
		STEP(SPOIL);
#endif
#endif
		STEP(lane = EVICTED);
dies:		GIVE
	:: else -> break
	od
}

active proctype sweeper()
{
	byte n;
	bool free;

	do
	:: n < SWEEPS && !unlinked ->
		n++;
		TAKE(3);
		word = DECIDING;
		free = !(counts && page && count != 0);
		word = (free -> DELETING : PENDING);
		GIVE;
		if
		:: free ->
			assert(!(held && counts));
			unlinked = 1
		:: else
		fi
	:: else -> break
	od
}
