/*
 * removal.pml - an unforced unregistering beside pins, snapshots, walks and other edits, and its death at every step.
 *
 * One segment, born in version 1, in one slot. The remover unregisters it (R0 to R6 of lib/edit/sr_remove.c), and may
 * die and come again. A pinner pins and unpins without a lock. A walker takes a snapshot and walks it twice. An editor
 * makes versions, and repairs what a dead remover left. LMDB is `rec`, `kept` (the entry "removed") and `durable`:
 * what one step changes is one transaction. core.pml has deletion and reuse of slots and lanes. Here nothing is
 * deleted, and no slot used again.
 */
#ifndef TRIES
#define TRIES 2
#endif
#ifndef EDITS
#define EDITS 1
#endif
#ifndef PINS
#define PINS 2
#endif
#ifndef TAKES
#define TAKES 2
#endif
#ifndef KILLS
#define KILLS 1
#endif

#define LIVE 1
#define REMOVING 2
#define GONE 3
#define IS_REGISTERED(w) ((w) == LIVE || (w) == REMOVING)

#define REMOVER 1
#define PINNER 2
#define WALKER 3
#define EDITOR 4
#define SURVIVOR 5
#define LOCK(l, who) atomic { l == 0 -> l = who }
#define UNLOCK(l, who) atomic { assert(l == who); l = 0 }

/* The region. */
byte word = LIVE, version = 1, count, cell;
bool commit_dirty, table_dirty;
byte commit_lock, table_lock;

/* LMDB. */
bool rec = true, kept;
byte durable = 1;

byte kills = KILLS, ended;
bool killed, alive;

/* Ghosts: what calls returned; what the pinner and the walker hold; that a walk has shown the segment. */
bool told_gone, pinned, has_shown;
byte snapshot;

/* The call returns 0: nobody holds it. A snapshot of an older version does, and one whose walk has shown it. */
inline told_unheld()
{
	assert(!pinned);
	assert(snapshot == 0 || (snapshot >= durable && !has_shown));
	told_gone = true
}

/* ---------------------------------------------------------------- repair */

/* With the commit lock. */
inline repair(who)
{
	LOCK(table_lock, who);
	atomic {
#ifdef BUG_REPAIR_ROLLS_FORWARD
		if
		:: !rec && word != GONE -> word = GONE
		:: else
		fi;
#else
		if
		:: !rec && kept && word != GONE ->
			rec = true;
			durable = (durable > version -> durable - 1 : durable)
		:: else
		fi;
		if
		:: word == REMOVING && rec -> word = LIVE
		:: else
		fi;
#endif
		version = durable;
		table_dirty = false
	};
	UNLOCK(table_lock, who);
	commit_dirty = false
}

inline enter_commit(who)
{
	LOCK(commit_lock, who);
	if
	:: commit_dirty || table_dirty -> repair(who)
	:: else
	fi
}

/* ---------------------------------------------------------------- the remover */

/* Holders, as if the segment were retired by that version. */
#define HELD(v) (count > 0 || (cell != 0 && cell < (v)))

inline unregister()
{
	enter_commit(REMOVER);
	if
	:: !rec -> UNLOCK(commit_lock, REMOVER)
	:: rec ->
		LOCK(table_lock, REMOVER);
		held = HELD(9);                                              /* R0 */
		UNLOCK(table_lock, REMOVER);
		if
		:: held -> UNLOCK(commit_lock, REMOVER)
		:: else ->
			commit_dirty = true;
#ifdef BUG_REGION_FIRST
			LOCK(table_lock, REMOVER);
			table_dirty = true;
			word = GONE;
			table_dirty = false;
			UNLOCK(table_lock, REMOVER);
			atomic { rec = false; durable++ };
			LOCK(table_lock, REMOVER);
			version = durable;
			gone = true;
			atomic { told_unheld() };
#else
#ifdef BUG_NOTHING_KEPT
			atomic { rec = false; durable++ };                   /* R1 */
#else
			atomic { rec = false; kept = true; durable++ };      /* R1 */
#endif
			LOCK(table_lock, REMOVER);
			table_dirty = true;
			word = REMOVING;                                     /* R2 */
#ifndef BUG_VERSION_LAST
			version = durable;                                   /* R3 */
#endif
			held = (count > 0);                                  /* R4 */
			held = held || (cell != 0 && cell < durable);
			if                                                   /* R5 */
#ifdef BUG_GONE_STORED
			:: atomic { !held -> word = GONE; gone = true; told_unheld() }
#else
			:: atomic { !held && word == REMOVING -> word = GONE; gone = true; told_unheld() }
#endif
			:: atomic { else -> word = (word == REMOVING -> LIVE : word); gone = false }
			fi;
#ifdef BUG_VERSION_LAST
			version = durable;
#endif
#endif
			table_dirty = false;
			UNLOCK(table_lock, REMOVER);
			if
			:: gone
			:: else -> rec = true                                /* R6 */
			fi;
			commit_dirty = false;
			UNLOCK(commit_lock, REMOVER)
		fi
	fi;
	atomic { held = false; gone = false }
}

proctype remover()
{
	byte left = TRIES;
	bool held, gone;
again:
	{
		alive = true;
		do
		:: left > 0 -> left--; unregister()
		:: else -> break
		od;
		atomic { alive = false; ended++ }
	} unless { atomic { killed -> killed = false; held = false; gone = false; goto again } }
}

proctype killer()
{
	do
	:: atomic {
		kills > 0 && alive ->
		kills--;
		killed = true;
		if :: commit_lock == REMOVER -> commit_lock = 0 :: else fi;
		if :: table_lock == REMOVER -> table_lock = 0 :: else fi
	}
	:: ended == 4 -> break
	:: kills == 0 -> break
	od
}

/* ---------------------------------------------------------------- those who hold */

/* Without a lock. A miss is right only if an unregistering has returned 0, or is under way. */
proctype pinner()
{
	byte left = PINS, w;

	do
	:: left > 0 ->
		left--;
		count++;                                                     /* P4 */
		do
		:: w = word;                                                 /* P5 */
			if
			:: w == REMOVING ->
#ifdef BUG_PIN_DOES_NOT_TAKE_BACK
				atomic { pinned = true; break }
#else
				if
				:: atomic { word == w -> word = LIVE; pinned = true; break } /* P6 */
				:: else
				fi
#endif
			:: w == GONE -> count--; break
			:: atomic { w == LIVE -> pinned = true; break }
			fi
		od;
		if
		:: pinned ->
			assert(word != GONE);
			atomic { assert(!told_gone); pinned = false };
			count--
		:: else -> assert(told_gone)
		fi;
		w = 0
	:: else -> break
	od;
	ended++
}

inline walk()
{
	do
	:: w = word;
		if
		:: w == REMOVING ->
#ifdef BUG_WALK_DOES_NOT_TAKE_BACK
			seen = true; break
#else
			if
			:: atomic { word == w -> word = LIVE; seen = true; break }
			:: else
			fi
#endif
		:: else -> seen = (w == LIVE); break
		fi
	od
}

proctype walker()
{
	byte left = TAKES, v, w;
	bool seen, first;

	do
	:: left > 0 ->
		left--;
		v = version;                                                 /* T1 */
		do
		:: cell = v;                                                 /* T2 */
			if
			:: atomic { version == v -> snapshot = v; break } /* T3 */
			:: else -> v = version
			fi
		od;
		walk();
		atomic { first = seen; has_shown = seen };
		walk();
		assert(first == seen);
		assert(seen || told_gone);
		atomic { snapshot = 0; has_shown = false };
		cell = 0;
		atomic { v = 0; w = 0; seen = false; first = false }
	:: else -> break
	od;
	ended++
}

proctype editor()
{
	byte left = EDITS;

	do
	:: left > 0 ->
		left--;
		enter_commit(EDITOR);
		commit_dirty = true;
		durable++;
		LOCK(table_lock, EDITOR);
		table_dirty = true;
		version = durable;
		table_dirty = false;
		UNLOCK(table_lock, EDITOR);
		commit_dirty = false;
		UNLOCK(commit_lock, EDITOR)
	:: else -> break
	od;
	ended++
}

proctype survivor()
{
	ended == 4;
	enter_commit(SURVIVOR);
	UNLOCK(commit_lock, SURVIVOR);
	assert(word == LIVE || word == GONE);
	assert(rec == (word == LIVE));
	assert(rec != told_gone);
	assert(version == durable);
	assert(count == 0 && cell == 0)
}

init
{
	atomic { run remover(); run killer(); run pinner(); run walker(); run editor(); run survivor() }
}
