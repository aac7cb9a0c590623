/*
 * snapshots.pml - snapshots and horizons beside edits and sweeps, readers who die, and lanes that are reclaimed.
 *
 * Edit v puts segment v in the place of segment v - 1, so version v consists of segment v alone. The editor keeps a
 * manifest of its own beside the registry, which names a segment between its registration and its retirement. A
 * reader takes a snapshot and walks, or takes a horizon and opens what the manifest names. SLOTS is less than the number of
 * segments, so slots are used again under the walker.
 *
 * The core model covers how the two locks, LMDB and repairs go together; here an edit is what it does under the table lock.
 */
#ifndef READERS
#define READERS 2
#endif
#ifndef VERSIONS
#define VERSIONS 3
#endif
#ifndef TAKES
#define TAKES 1
#endif
#ifndef KILLS
#define KILLS 1
#endif
#define SLOTS 2
#define NEVER 7

#define FREE 0
#define LIVE 1
#define PENDING 2
#define DECIDING 3
#define DELETING 4
#define STATE(w) ((w) & 7)
#define GENERATION(w) ((w) >> 3)
#define WORD(g, s) (((g) << 3) | (s))
#define IS_REGISTERED(w) (STATE(w) == LIVE || STATE(w) == PENDING || STATE(w) == DECIDING)

#define SNAPSHOT 1
#define HORIZON 2
#define CELL(v, k) ((v) << 2 | (k))
#define VERSION(c) ((c) >> 2)
#define KIND(c) ((c) & 3)

#define EDITOR READERS
#define SWEEPER (READERS + 1)
#define ME (me + 1)
#define LOCK(l) atomic { l == 0 -> l = ME }
#define UNLOCK(l) atomic { assert(l == ME); l = 0 }

byte word[SLOTS], seg[SLOTS], born[SLOTS], retired[SLOTS];
byte cell[READERS];
bool lane_byte[READERS];
byte table_lock, version = 1, manifest = 1, kills = KILLS;
bool file[VERSIONS + 1], killed[READERS], edited;
byte ended;

/* Ghosts: what a living reader holds by the answers that it got; when each segment was retired. */
byte told[READERS], retirement[VERSIONS + 1];

/* C1, C2: segment v comes. */
inline add(v)
{
	LOCK(table_lock);
#ifdef BUG_VERSION_FIRST
	version = v;
#endif
	atomic {
		s = 0;
		do
		:: STATE(word[s]) != FREE -> s++
		:: else -> break
		od;
		assert(s < SLOTS)
	};
	born[s] = v;
	retired[s] = NEVER;
	seg[s] = v;
	word[s] = WORD(GENERATION(word[s]), LIVE);
}

/* ... and segment v - 1 goes, with the same version. */
inline replace(v)
{
	add(v);
	atomic {
		s = 0;
		do
		:: !(STATE(word[s]) == LIVE && seg[s] == v - 1) -> s++
		:: else -> break
		od
	};
	atomic { retired[s] = v; retirement[v - 1] = v };
	word[s] = WORD(GENERATION(word[s]), PENDING);
#ifndef BUG_VERSION_FIRST
	version = v;
#endif
	UNLOCK(table_lock)
}

proctype editor(byte me)
{
	byte s, v = 2;

	do
	:: v <= VERSIONS ->
		/* The sweeper frees a slot first, if there is none. */
		(STATE(word[0]) == FREE || STATE(word[1]) == FREE);
		atomic { file[v] = true; manifest = v };
		replace(v);
		atomic { s = 0; v++ }
	:: else -> break
	od;
	atomic { edited = true; ended++ }
}

/* T1 to T3. */
inline take(kind)
{
	v = version;
	do
#ifdef BUG_CELL_AFTER_LOOK
	:: atomic { version == v -> skip };
		atomic { cell[me] = CELL(v, kind); break }
	:: else -> v = version
#else
	:: cell[me] = CELL(v, kind);
		if
#ifdef BUG_VERSION_NOT_READ_AGAIN
		:: true -> break
#endif
		:: atomic { version == v -> break }
		:: else -> v = version
		fi
#endif
	od;
	told[me] = cell[me]
}

/* All that was seen of version v, in found. */
inline walk()
{
	s = 0;
	do
	:: s < SLOTS ->
		w = word[s];
		b = born[s];
		r = retired[s];
		k = seg[s];
		if
#ifdef BUG_WALK_LOOKS_ONCE
		:: IS_REGISTERED(w) && b <= v && v < r -> found = found | (1 << k)
#else
		:: IS_REGISTERED(w) && b <= v && v < r && IS_REGISTERED(word[s]) && GENERATION(w) == GENERATION(word[s]) -> found = found | (1 << k)
#endif
		:: else
		fi;
		s++
	:: atomic { else -> s = 0; w = 0; b = 0; r = 0; k = 0; break }
	od;
	atomic { assert(found == (1 << v)); assert(file[v]); found = 0 }
}

proctype reader(byte me)
{
	byte v, s, w, b, r, k, found, left = TAKES;
again:
	{
		/* Its lane is still that of the dead one, if nobody reclaimed it: attaching does. */
		atomic { !lane_byte[me] -> lane_byte[me] = true };
		if
		:: cell[me] != 0 ->
			LOCK(table_lock);
			cell[me] = 0;
			UNLOCK(table_lock)
		:: else
		fi;
		do
		:: left > 0 ->
			left--;
			if
			:: take(SNAPSHOT); walk()
			::
#ifdef BUG_MANIFEST_BEFORE_HORIZON
				k = manifest; take(HORIZON);
#else
				take(HORIZON); k = manifest;
#endif
				atomic { assert(file[k]); k = 0 }
			fi;
			told[me] = 0;
			cell[me] = 0;
			v = 0
		:: else -> break
		od;
		atomic { lane_byte[me] = false; ended++ }
	} unless { atomic {
		killed[me] ->
		killed[me] = false;
		v = 0; s = 0; w = 0; b = 0; r = 0; k = 0; found = 0;
		goto again
	} }
}

#ifdef BUG_HORIZON_OFF_BY_ONE
#define HORIZON_HOLDS(v, k) ((v) + 1 < retired[k])
#else
#define HORIZON_HOLDS(v, k) ((v) < retired[k])
#endif
#ifdef BUG_SNAPSHOT_OFF_BY_ONE
#define SNAPSHOT_HOLDS(v, k) (born[k] < (v) && (v) < retired[k])
#else
#define SNAPSHOT_HOLDS(v, k) (born[k] <= (v) && (v) < retired[k])
#endif

inline read_cells(k)
{
	atomic { stays = false; n = 0 };
	do
	:: atomic {
		n < READERS ->
		if
		:: KIND(cell[n]) == SNAPSHOT && SNAPSHOT_HOLDS(VERSION(cell[n]), k) -> stays = true
#ifndef BUG_HORIZON_IGNORED
		:: KIND(cell[n]) == HORIZON && HORIZON_HOLDS(VERSION(cell[n]), k) -> stays = true
#endif
		:: else
		fi;
		n++
	}
	:: atomic { else -> n = 0; break }
	od
}

inline reclaim()
{
	n = 0;
	do
	:: n < READERS ->
		if
#ifdef BUG_LIVING_RECLAIMED
		:: cell[n] != 0 -> cell[n] = 0
#endif
		:: atomic { cell[n] != 0 && !lane_byte[n] -> lane_byte[n] = true };
			LOCK(table_lock);
			cell[n] = 0;
			UNLOCK(table_lock);
			lane_byte[n] = false
		:: else
		fi;
		n++
	:: atomic { else -> n = 0; break }
	od
}

/* No living reader holds it. */
inline remove_file(k)
{
	atomic {
		for (n : 0 .. READERS - 1) {
			assert(!(KIND(told[n]) == SNAPSHOT && VERSION(told[n]) == k));
			assert(!(KIND(told[n]) == HORIZON && VERSION(told[n]) < retirement[k]))
		}
		n = 0;
		file[k] = false
	}
}

inline sweep_slot(k)
{
#ifdef BUG_CELLS_BEFORE_LOCK
	read_cells(k);
#endif
	LOCK(table_lock);
	atomic { v0 = version };
#ifndef BUG_CELLS_BEFORE_LOCK
	read_cells(k);                                          /* SC */
#endif
	UNLOCK(table_lock);
	LOCK(table_lock);
	if
#ifdef BUG_RETIRED_LATER_IS_DECIDED
	:: STATE(word[k]) == PENDING ->
#else
	:: STATE(word[k]) == PENDING && retired[k] <= v0 ->
#endif
		word[k] = WORD(GENERATION(word[k]), DECIDING);  /* S1 */
		if
		:: stays -> word[k] = WORD(GENERATION(word[k]), PENDING)
		:: else -> word[k] = WORD(GENERATION(word[k]), DELETING)
		fi
	:: else
	fi;
	UNLOCK(table_lock);
	atomic { stays = false; v0 = 0 };
	if
	:: STATE(word[k]) == DELETING ->
		remove_file(seg[k]);
		LOCK(table_lock);
		word[k] = WORD(GENERATION(word[k]) + 1, FREE);
		UNLOCK(table_lock)
	:: else
	fi
}

/* It sweeps for as long as there is somebody, so that a slot comes free at last: each sweep is progress. */
proctype sweeper(byte me)
{
	byte n, k, v0;
	bool stays;

	do
	:: ended == READERS + 1 -> break
	:: STATE(word[0]) == PENDING || STATE(word[1]) == PENDING ->
progress:	reclaim(); sweep_slot(0); sweep_slot(1)
	od;
	atomic {
		reclaim();
		sweep_slot(0);
		sweep_slot(1);
		for (k : 1 .. VERSIONS) { assert(file[k] == (k == VERSIONS)) }
		assert(version == VERSIONS)
	}
}

proctype killer()
{
	byte v;

	do
	:: atomic {
		kills > 0 ->
		v = 0;
		do
		:: v < READERS - 1 -> v++
		:: break
		od;
		if
		:: lane_byte[v] && !killed[v] -> killed[v] = true; told[v] = 0; lane_byte[v] = false;
			if :: table_lock == v + 1 -> table_lock = 0 :: else fi
		:: else
		fi;
		kills--;
		v = 0
	}
	:: else -> break
	od
}

init
{
	byte i;

	atomic {
		word[0] = LIVE;
		seg[0] = 1;
		born[0] = 1;
		retired[0] = NEVER;
		file[1] = true;
		for (i : 0 .. READERS - 1) { run reader(i) }
		run editor(EDITOR);
		run sweeper(SWEEPER);
		run killer()
	}
}
