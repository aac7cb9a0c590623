/*
 * discards.pml - discards that do not wait for the disk, names that are used again, and deaths at every step.
 *
 * There is one path. An engine makes a file there, discards it, and makes the next file of the same name. It adds to the
 * ring under the table lock. A leader takes the ring into a transaction, shows it, and then drops what it took. A
 * sweeper deletes what is durable and shown. Each of them may die before any step, and comes again; the region stays.
 * Inodes are numbers, and none is used twice: sr_discards_may_have keeps other files out of the ring.
 */
#ifndef FILES
#define FILES 3		/* that the engine makes */
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef FLUSHES
#define FLUSHES 3	/* commits of the leader, beside those of the engine */
#endif
#define PLACES 2	/* of the ring */

#define ENGINE 1
#define LEADER 2
#define SWEEPER 3
#define SURVIVOR 4

/* The disk: the inode at the path, and what LMDB has of the path. */
byte here, record;

/* The region: the ring, and the inode that is shown as retired. */
byte ring[PLACES], length, shown;
bool dirty;			/* the word of the commit lock */
byte commit_lock, table_lock;
byte victim;			/* of a sweep that runs: DELETING, and the sweeper's byte */

byte kills, made, ended;

/* Ghosts: the inode that the engine uses; the last one whose discard was acknowledged. */
byte used, told;

#define LOCK(l, who) atomic { l == 0 -> l = who }
#define UNLOCK(l, who) atomic { assert(l == who); l = 0 }
#define IS_KILLED atomic { kills < KILLS -> kills++; goto dies }
#define STEP if :: skip :: IS_KILLED fi

/* The kernel, and the next holder of a robust mutex. */
inline let_go(who)
{
	if :: commit_lock == who -> commit_lock = 0 :: else fi;
	if :: table_lock == who -> table_lock = 0 :: else fi
}

inline enter_commit(who)
{
	LOCK(commit_lock, who);
	STEP;
	if
	:: dirty -> shown = record; STEP; dirty = 0	/* sr_reconcile */
	:: else
	fi
}

/* sr_group_lead: copy, look at the path, plan, commit, show, drop. */
inline flush(who)
{
	enter_commit(who);
	LOCK(table_lock, who);
	n = length;
	a = (length > 0 -> ring[0] : 0);
	b = (length > 1 -> ring[1] : 0);
	assert(n < 1 || a > 0);			/* no discard is half */
	assert(n < 2 || b > 0);
	UNLOCK(table_lock, who);
	STEP;
	plan = record;
#ifdef BUG_NOT_LOOKED_AT_AGAIN
	if :: n > 0 -> plan = here :: else fi;
#else
	if :: n > 0 && a == here -> plan = a :: else fi;
	if :: n > 1 && b == here -> plan = b :: else fi;
#endif
	STEP;
#ifdef BUG_DROPPED_BEFORE_COMMIT
	LOCK(table_lock, who);
	atomic { ring[0] = (n == 1 -> ring[1] : 0); length = length - n };
	UNLOCK(table_lock, who);
	STEP;
#endif
	if
	:: plan != record || n > 0 ->
		dirty = 1;
		STEP;
		record = plan;			/* LMDB's commit */
		STEP;
		LOCK(table_lock, who);
		shown = record;
		STEP;
#ifdef BUG_ALL_DROPPED
		atomic { ring[0] = 0; ring[1] = 0; length = 0 };
#else
#ifndef BUG_DROPPED_BEFORE_COMMIT
		atomic { ring[0] = (n == 1 -> ring[1] : 0); length = length - n };
#endif
#endif
		STEP;
		UNLOCK(table_lock, who);
		dirty = 0
	:: else
	fi;
	STEP;
	UNLOCK(commit_lock, who)
}

/* sr_discard_relaxed; with a full ring the caller commits. */
inline discard(who)
{
	atomic { mine = used; used = 0 };	/* from the call on, the engine does not use it */
	LOCK(table_lock, who);
	STEP;
	if
	:: length < PLACES ->
#ifdef BUG_NUMBER_FIRST
		length++;
		STEP;
		ring[length - 1] = mine;
#else
		ring[length] = mine;
		STEP;
		length++;
#endif
		UNLOCK(table_lock, who);
		told = mine
	:: else ->
		UNLOCK(table_lock, who);
		flush(who);
		used = mine			/* and once more */
	fi
}

/* sr_vacate, and the file that the engine makes then. */
inline make(who)
{
	if
	:: here ->
#ifndef BUG_RING_NOT_FLUSHED
		flush(who);
#endif
		enter_commit(who);
		do
		:: victim && record == victim && here == record ->
			UNLOCK(commit_lock, who);
			victim == 0 || here == 0;
			enter_commit(who)
		:: else -> break
		od;
		if
		:: record ->
			atomic { if :: here == record -> here = 0 :: else fi };
			STEP;
			dirty = 1;
			STEP;
			record = 0;
			STEP;
			LOCK(table_lock, who);
			shown = 0;
			UNLOCK(table_lock, who);
			dirty = 0
		:: else
		fi;
		UNLOCK(commit_lock, who)
	:: else
	fi;
	STEP;
	/* O_CREAT: the file that is there, or a new one. */
	atomic {
		if
		:: here == 0 -> made++; here = made
		:: else
		fi;
		used = here
	}
}

proctype engine()
{
	byte n, a, b, plan, mine;
again:
	do
	:: made < FILES ->
		make(ENGINE);
		STEP;
		do
		:: used -> discard(ENGINE)
		:: else -> break
		od
	:: else -> break
	od;
	goto ends;
dies:
	atomic { let_go(ENGINE); used = 0; goto again };
ends:
	ended++
}

proctype leader()
{
	byte n, a, b, plan, left = FLUSHES;
again:
	do
	:: left > 0 -> left--; flush(LEADER)
	:: else -> break
	od;
	goto ends;
dies:
	atomic { let_go(LEADER); goto again };
ends:
	ended++
}

/*
 * What is durable and shown: decide it, delete it if it is still what it was, drop the record. (That look and the
 * deletion are one step: see sr_trash.c.)
 */
inline sweep(who)
{
	enter_commit(who);
	victim = shown;
	UNLOCK(commit_lock, who);
	STEP;
	if
	:: victim ->
		atomic {
			if
			:: here == victim ->
				assert(here != used);
				assert(record == here);
				here = 0
			:: else
			fi
		};
		STEP;
		enter_commit(who);
		if
		:: record == victim ->
			dirty = 1;
			STEP;
			record = 0;
			STEP;
			LOCK(table_lock, who);
			shown = 0;
			UNLOCK(table_lock, who);
			dirty = 0
		:: else
		fi;
		UNLOCK(commit_lock, who)
	:: else
	fi;
	victim = 0
}

proctype sweeper()
{
again:
	do
	:: ended < 2 -> sweep(SWEEPER)
	:: ended == 2 -> break
	od;
	goto ends;
dies:
	atomic { let_go(SWEEPER); victim = 0; goto again };
ends:
	ended++
}

/* In the end nothing that was discarded is left, and neither ring nor region has anything that LMDB has not. */
proctype survivor()
{
	byte n, a, b, plan;

	ended == 3;
	kills = KILLS;
	flush(SURVIVOR);
	flush(SURVIVOR);
	sweep(SURVIVOR);
	assert(length == 0 && shown == record && !dirty);
	assert(told == 0 || here != told);
	goto ends;
dies:
	assert(false);
ends:
	skip
}

init
{
	atomic { run engine(); run leader(); run sweeper(); run survivor() }
}
