/*
 * core.pml - pins, sweeps, edits, lanes, repairs and rebuilds, and a killer who strikes between any two steps.
 *
 * Each step below is one access to what is shared; README.md says which line of C it stands for. Processes: PINNERS,
 * SWEEPERS, one writer, and a survivor that comes when all is quiet. Segment k has the id (k - 1) % IDS, so that ids and slots
 * are used again. Everything is bounded by budgets, so there is no cycle: what does not end is an invalid end state.
 *
 * What must hold stands in the assertions, with the ghosts held[], told_registered[], told_retired[], gives_up[]: no step
 * of the protocol reads these.
 */
#ifndef PINNERS
#define PINNERS 2
#endif
#ifndef SWEEPERS
#define SWEEPERS 1
#endif
#ifndef LANES
#define LANES 2
#endif
#ifndef SLOTS
#define SLOTS 1
#endif
#ifndef SEGMENTS
#define SEGMENTS 2
#endif
#ifndef IDS
#define IDS 2
#endif
#ifndef PINS
#define PINS 1
#endif
#ifndef SWEEPS
#define SWEEPS 2
#endif
#ifndef EDITS
#define EDITS 3
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef FAILS
#define FAILS 0
#endif
#ifndef FORCES
#define FORCES 0
#endif

#define FREE 0
#define LIVE 1
#define PENDING 2
#define DECIDING 3
#define DELETING 4
#define GONE 5
#define CLEAN 0
#define DIRTY 1
#define SHOWN 2
#define ABSENT 0
#define NONE 7

#define STATE(w) ((w) & 7)
#define GENERATION(w) ((w) >> 3)
#define WORD(g, s) (((g) << 3) | (s))
#define ID(k) (((k) - 1) % IDS)
#define IS_PINNABLE(w) (STATE(w) == LIVE || STATE(w) == PENDING)
/* The word as it is when a decision is taken back. */
#define UNDECIDED(w) (STATE(w) == DECIDING -> WORD(GENERATION(w), PENDING) : (w))
#define IS_USED(w) (STATE(w) != FREE && STATE(w) != GONE)

#define WRITER (PINNERS + SWEEPERS)
#define SURVIVOR (WRITER + 1)
#define PROCESSES (SURVIVOR + 1)
#define ME (me + 1)

/* The region. */
byte word[SLOTS], sid[SLOTS], born[SLOTS], index[IDS];
byte count[LANES * SLOTS];
bool used[LANES];
byte epoch[LANES];
bool commit_dirty;
byte table_dirty; /* CLEAN, DIRTY: tables or decisions; SHOWN: what LMDB has is being shown */
byte version;
bool ready;

/* Bytes of registry.lock: who holds them, 0 for nobody. */
byte commit_lock, table_lock, sweep_byte, lane_byte[LANES], alone;
bool attached[PROCESSES];

/* LMDB and the disk. */
byte rec[SEGMENTS + 1], durable;
bool file[SEGMENTS + 1];

/* Budgets, and who has been killed and does not know it yet. */
byte edits = EDITS, sweeps = SWEEPS, kills = KILLS, fails = FAILS, forces = FORCES, ended;
bool killed[PROCESSES];

/* Ghosts. */
byte held[PINNERS];
bool known[SEGMENTS + 1], told_registered[SEGMENTS + 1], told_retired[SEGMENTS + 1], gives_up[SEGMENTS + 1], forced[SEGMENTS + 1];

#define LOCK(l) atomic { l == 0 -> l = ME }
#define UNLOCK(l) atomic { assert(l == ME); l = 0 }

/* ---------------------------------------------------------------- counts and slots */

/* S2: the lanes one after the other; what is found is in n. [table] */
inline sum(slot)
{
	atomic { n = 0; l = 0 };
	do
#ifdef BUG_FIRST_LANE_ONLY
	:: atomic { l < 1 -> n = n + count[l * SLOTS + slot]; l++ }
#else
	:: atomic { l < LANES -> n = n + count[l * SLOTS + slot]; l++ }
#endif
	:: atomic { else -> l = 0; break }
	od
}

#ifdef BUG_SLOT_NOT_RENEWED
#define RENEW(w) WORD(GENERATION(w), FREE)
#else
#define RENEW(w) WORD(GENERATION(w) + 1, FREE)
#endif

/* GONE, and counted by nobody: FREE with the next generation. [table] */
inline free_gone(slot)
{
#ifdef BUG_FREE_WHILE_COUNTED
	n = 0;
#else
	sum(slot);
#endif
	if
	:: atomic { n == 0 -> assert(table_lock == ME); word[slot] = RENEW(word[slot]) }
	:: atomic { else -> n = 0 }
	fi
}

/* Give a free slot to segment k. [table] */
inline take_slot(slot, k, state)
{
	atomic { assert(STATE(word[slot]) == FREE); born[slot] = k };
	sid[slot] = ID(k);
	atomic { assert(table_lock == ME); word[slot] = WORD(GENERATION(word[slot]), state) };
	index[ID(k)] = slot
}

inline find_free()
{
	atomic {
		s = 0;
		do
		:: s < SLOTS && STATE(word[s]) != FREE -> s++
		:: else -> break
		od
	}
}

/* The slot that segment k has, or SLOTS. */
inline find_slot(k)
{
	atomic {
		s = 0;
		do
		:: s < SLOTS && !(IS_USED(word[s]) && born[s] == k) -> s++
		:: else -> break
		od
	}
}

/* ---------------------------------------------------------------- repair */

inline settle(slot)
{
	atomic {
#ifdef BUG_REPAIR_CLEARS
		if
		:: IS_USED(word[slot]) -> word[slot] = RENEW(word[slot])
		:: else
		fi
#else
		if
		:: IS_USED(word[slot]) && rec[born[slot]] != ABSENT ->
			word[slot] = WORD(GENERATION(word[slot]), rec[born[slot]])
		:: IS_USED(word[slot]) && rec[born[slot]] == ABSENT -> word[slot] = WORD(GENERATION(word[slot]), GONE)
		:: else
		fi
#endif
	}
}

inline derive_index()
{
	i = 0;
	do
	:: atomic {
		i < IDS ->
		s = 0;
		do
		:: s < SLOTS && !(IS_USED(word[s]) && sid[s] == i) -> s++
		:: else -> break
		od;
		index[i] = (s < SLOTS -> s : NONE);
		s = 0;
		i++
	}
	:: atomic { else -> i = 0; break }
	od
}

/* With the commit lock: make the region what LMDB says. */
inline reconcile()
{
	commit_dirty = true;
	LOCK(table_lock);
	table_dirty = SHOWN;
	s = 0;
	do
	:: s < SLOTS -> settle(s); s++
	:: else -> break
	od;
	derive_index();
	s = 0;
	do
	:: s < SLOTS ->
		if
		:: STATE(word[s]) == GONE -> free_gone(s)
		:: else
		fi;
		s++
	:: else -> break
	od;
	i = 1;
	do
	:: i <= SEGMENTS ->
		find_slot(i);
		if
		:: rec[i] != ABSENT && s == SLOTS ->
			find_free();
			assert(s < SLOTS);
			take_slot(s, i, rec[i])
		:: else
		fi;
		atomic { s = 0; i++ }
	:: atomic { else -> i = 0; break }
	od;
	version = durable;
	table_dirty = CLEAN;
	UNLOCK(table_lock);
	commit_dirty = false
}

/* The tables from the slots; what was under decision is not decided. [table] */
inline repair_tables()
{
	s = 0;
	do
	:: s < SLOTS -> atomic { word[s] = UNDECIDED(word[s]) }; s++
	:: atomic { else -> s = 0; break }
	od;
	derive_index();
	table_dirty = CLEAN
}

inline enter_commit()
{
	LOCK(commit_lock);
	if
#ifndef BUG_DIRT_IGNORED
	:: commit_dirty || table_dirty != CLEAN -> reconcile()
#endif
	:: else
	fi
}

/* Nobody waits for the commit lock because somebody died who had changed tables or decided only. */
inline enter_table()
{
	do
	:: LOCK(table_lock);
		if
#ifndef BUG_REPAIR_NEEDS_COMMIT
		:: table_dirty == DIRTY -> repair_tables()
#endif
		:: else
		fi;
		if
		:: atomic { table_dirty == CLEAN -> break }
		:: else -> assert(table_dirty == SHOWN)
		fi;
		UNLOCK(table_lock);
		enter_commit();
		UNLOCK(commit_lock)
	od
}

/* ---------------------------------------------------------------- attaching; lanes */

/* If no process is attached, build the region anew. A process that attaches later meets a whole region. */
inline attach()
{
	atomic {
		alone == 0 ->
		i = 0;
		do
		:: i < PROCESSES && !attached[i] -> i++
		:: else -> break
		od;
		if
#ifdef BUG_REBUILD_BESIDE_OTHERS
		:: me >= PINNERS -> alone = ME
		:: me < PINNERS && i == PROCESSES -> alone = ME
#else
		:: i == PROCESSES -> alone = ME
#endif
		:: else -> assert(ready); attached[me] = true
		fi;
		i = 0
	};
	if
	:: alone == ME ->
		ready = false;
		d_step {
			for (i : 0 .. SLOTS - 1) { word[i] = 0; sid[i] = 0; born[i] = 0 }
			for (i : 0 .. IDS - 1) { index[i] = NONE }
			for (i : 0 .. LANES * SLOTS - 1) { count[i] = 0 }
			for (i : 0 .. LANES - 1) { used[i] = false; epoch[i] = 0 }
			commit_dirty = false;
			table_dirty = CLEAN;
			i = 0
		};
		d_step {
			s = 0;
			for (i : 1 .. SEGMENTS) {
				if
				:: rec[i] != ABSENT -> born[s] = i; sid[s] = ID(i); word[s] = rec[i]; index[ID(i)] = s; s++
				:: else
				fi
			}
			version = durable;
			i = 0;
			s = 0
		};
		ready = true;
		atomic { attached[me] = true; alone = 0 }
	:: else
	fi
}

/* Take all counts away and mark the lane free. [table] */
inline empty_lane(lane)
{
	s = 0;
	do
	:: atomic { s < SLOTS -> count[lane * SLOTS + s] = 0; s++ }
	:: atomic { else -> s = 0; break }
	od;
	epoch[lane] = epoch[lane] + 1;
	used[lane] = false
}

/* The lanes of the dead. r is the lane; x its epoch at the first look. */
inline reclaim()
{
	r = 0;
	do
	:: r < LANES ->
		x = epoch[r];
		if
#ifdef BUG_LIVING_RECLAIMED
		:: used[r] ->
#else
		:: used[r] && lane_byte[r] == 0 ->
#endif
#ifdef BUG_TEST_THEN_ZERO
			LOCK(table_lock);
			empty_lane(r);
			UNLOCK(table_lock)
#else
			if
			:: atomic { lane_byte[r] == 0 -> lane_byte[r] = ME };
				LOCK(table_lock);
				if
				:: used[r] && epoch[r] == x -> empty_lane(r)
				:: else
				fi;
				UNLOCK(table_lock);
				lane_byte[r] = 0
#ifdef BUG_LIVING_RECLAIMED
			:: lane_byte[r] != 0 -> LOCK(table_lock); empty_lane(r); UNLOCK(table_lock)
#endif
			:: else
			fi
#endif
		:: else
		fi;
		atomic { x = 0; r++ }
	:: atomic { else -> r = 0; break }
	od
}

/* ---------------------------------------------------------------- pinners */

inline told_pinned()
{
	/* It is the one that was asked for, it is on the disk, and LMDB knows it (or somebody forced it out). */
	assert(born[at] != 0 && sid[at] == id);
	assert(file[born[at]]);
	assert(rec[born[at]] != ABSENT || forced[born[at]]);
	held[me] = born[at];
	generation = GENERATION(seen)
}

inline told_absent()
{
	s = 0;
	do
	:: s < SLOTS -> assert(!(sid[s] == id && (IS_PINNABLE(word[s]) || STATE(word[s]) == DECIDING))); s++
	:: else -> s = 0; break
	od
}

#ifdef BUG_COUNT_NOT_TAKEN_BACK
#define TAKE_BACK skip
#else
#define TAKE_BACK count[lane * SLOTS + at] = count[lane * SLOTS + at] - 1
#endif

/* x: the word for which it is taken; a decision is no reason. */
inline pin_slowly()
{
	atomic { assert(UNDECIDED(x) == x); x = 0 };
	enter_table();
	at = index[id];
	if
	:: at != NONE -> seen = word[at]
	:: else -> seen = 0
	fi;
	assert(UNDECIDED(seen) == seen);
	if
	:: IS_PINNABLE(seen) ->
		count[lane * SLOTS + at] = count[lane * SLOTS + at] + 1;
		atomic { told_pinned() }
	:: else -> atomic { told_absent() }
	fi;
	UNLOCK(table_lock)
}

/* P5 and P6, after P4. */
inline look_again()
{
	do
	:: x = word[at];                                                /* P5 */
		if
		:: GENERATION(x) != GENERATION(seen) || !IS_PINNABLE(UNDECIDED(x)) -> atomic { TAKE_BACK; slow = true; break }
#ifdef BUG_DECIDING_WAITED
		:: STATE(x) == DECIDING -> atomic { TAKE_BACK; slow = true; break }
#elif defined(BUG_TAKEN_BACK_BLINDLY)
		:: STATE(x) == DECIDING -> atomic { word[at] = UNDECIDED(x); seen = UNDECIDED(x); told_pinned(); break }
#else
		:: STATE(x) == DECIDING ->
			if
			:: atomic { word[at] == x -> word[at] = UNDECIDED(x); seen = UNDECIDED(x); told_pinned(); break } /* P6 */
			:: else
			fi
#endif
		:: atomic { GENERATION(x) == GENERATION(seen) && IS_PINNABLE(x) -> seen = x; told_pinned(); break }
		fi
	od
}

inline pin()
{
	at = index[id];                                                 /* P1 */
	slow = (at == NONE);
	if
	:: slow
	:: else ->
#ifdef BUG_ID_BEFORE_WORD
		slow = (sid[at] != id);
		seen = word[at];
#else
		seen = word[at];                                        /* P2 */
#ifndef BUG_ID_NOT_READ
		slow = (sid[at] != id);                                 /* P3 */
#endif
#endif
		if
#ifdef BUG_MISS_IS_FINAL
		:: atomic { !slow && !IS_PINNABLE(UNDECIDED(seen)) -> told_absent() }
		:: slow
#else
		:: atomic { slow || !IS_PINNABLE(UNDECIDED(seen)) -> slow = true }
#endif
		:: else ->
#ifdef BUG_LOOK_BEFORE_COUNT
			x = word[at];
#endif
#ifdef BUG_TAKEN_BACK_BEFORE_COUNT
			atomic {
				if
				:: word[at] == seen -> word[at] = UNDECIDED(seen); seen = UNDECIDED(seen)
				:: else
				fi
			};
#endif
			count[lane * SLOTS + at] = count[lane * SLOTS + at] + 1;  /* P4 */
#ifdef BUG_NO_SECOND_LOOK
			atomic { told_pinned() }
#elif defined(BUG_LOOK_BEFORE_COUNT)
			if
			:: atomic { x == seen && IS_PINNABLE(x) -> told_pinned() }
			:: else -> atomic { TAKE_BACK; slow = true; x = 0 }
			fi
#elif defined(BUG_TAKEN_BACK_BEFORE_COUNT)
			atomic { told_pinned() }
#else
			look_again()
#endif
		fi
	fi;
	if
	:: slow -> pin_slowly()
	:: else
	fi;
	atomic { slow = false; x = 0 }
}

inline unpin()
{
	/* What this handle holds is never refused. */
	atomic { assert(GENERATION(word[at]) == generation); held[me] = 0 };
	assert(count[lane * SLOTS + at] > 0);
	count[lane * SLOTS + at] = count[lane * SLOTS + at] - 1
}

/* Without the table lock: found free, locked by its byte, and found free still. */
inline attach_lane()
{
	lane = NONE;
	r = 0;
	do
	:: r < LANES && lane == NONE ->
		if
		:: !used[r] ->
			if
			:: atomic { lane_byte[r] == 0 -> lane_byte[r] = ME };
				if
#ifdef BUG_LANE_FOUND_FREE_ONCE
				:: true ->
#else
				:: atomic { !used[r] ->
#endif
					used[r] = true;
					lane = r
#ifndef BUG_LANE_FOUND_FREE_ONCE
					}
				:: else -> lane_byte[r] = 0
#endif
				fi
			:: else
			fi
		:: else
		fi;
		r++
	:: atomic { else -> r = 0; break }
	od
}

inline detach_lane()
{
	s = 0;
	do
	:: atomic { s < SLOTS -> assert(count[lane * SLOTS + s] == 0); s++ }
	:: atomic { else -> s = 0; break }
	od;
#ifdef BUG_BYTE_LET_GO_EARLY
	lane_byte[lane] = 0;
#endif
	LOCK(table_lock);
	empty_lane(lane);
	UNLOCK(table_lock);
#ifndef BUG_BYTE_LET_GO_EARLY
	lane_byte[lane] = 0;
#endif
}

#define FORGET at = 0; seen = 0; id = 0; generation = 0

proctype pinner(byte me)
{
	byte lane, at, seen, id, generation, s, l, n, i, r, x, left;
	bool slow, tried;
again:
	{
		left = PINS;
		attach();
		do
		:: attach_lane();
			if
			:: lane != NONE || tried -> break
			:: else -> tried = true; reclaim()
			fi
		od;
		tried = false;
		do
		:: left > 0 && lane != NONE ->
			atomic { left--; if :: id = 0 :: id = IDS - 1 fi };
			pin();
			if
			:: held[me] != 0 -> unpin()
			:: else
			fi;
			atomic { FORGET }
		:: else -> break
		od;
		if
		:: lane != NONE -> detach_lane()
		:: else
		fi;
		atomic { attached[me] = false; lane = 0; left = 0; ended++ }
	} unless { atomic {
		killed[me] ->
		killed[me] = false;
		FORGET;
		lane = 0; s = 0; l = 0; n = 0; i = 0; r = 0; x = 0; left = 0; slow = false; tried = false;
		goto again
	} }
}

/* ---------------------------------------------------------------- edits */

/* From here on under both locks: the tables, or what LMDB has. */
inline open_table(dirt)
{
	LOCK(table_lock);
#ifndef BUG_TABLE_NOT_DIRTY
	table_dirty = dirt;
#endif
}

inline close_table()
{
	table_dirty = CLEAN;
	UNLOCK(table_lock)
}

inline finish()
{
	version = durable;
	close_table();
	commit_dirty = false;
	UNLOCK(commit_lock)
}

#ifdef BUG_COMMIT_CLEAN_EARLY
#define COMMITTED commit_dirty = false
#else
#define COMMITTED skip
#endif

/* Each of the three: with the commit lock, which it gives back. */
inline register(k)
{
	find_free();
	if
	:: s < SLOTS ->
		atomic { file[k] = true; commit_dirty = true };
#ifdef BUG_REGION_BEFORE_LMDB
		open_table(SHOWN);
		take_slot(s, k, LIVE);
		close_table();
		atomic { rec[k] = LIVE; known[k] = true; durable++ };
		commit_dirty = false;
		UNLOCK(commit_lock);
#else
		atomic { rec[k] = LIVE; known[k] = true; durable++ };
		COMMITTED;
		open_table(SHOWN);
		take_slot(s, k, LIVE);
		finish();
#endif
		told_registered[k] = true
	:: else -> UNLOCK(commit_lock)
	fi;
	s = 0
}

inline retire(k)
{
	atomic { find_slot(k); assert(s < SLOTS); commit_dirty = true };
	atomic { gives_up[k] = true; rec[k] = PENDING; durable++ };
	COMMITTED;
	open_table(SHOWN);
	word[s] = WORD(GENERATION(word[s]), PENDING);
	finish();
	atomic { told_retired[k] = true; s = 0 }
}

/* Unregister in spite of all holders; the files stay. */
inline force_remove(k)
{
	atomic { find_slot(k); assert(s < SLOTS); commit_dirty = true };
	atomic { gives_up[k] = true; forced[k] = true; rec[k] = ABSENT; durable++ };
	COMMITTED;
	open_table(SHOWN);
	index[ID(k)] = NONE;
	word[s] = WORD(GENERATION(word[s]), GONE);
	free_gone(s);
	finish();
	s = 0
}

#define IS_TAKEN(k) (((k) > IDS && rec[(k) - IDS] != ABSENT) || ((k) + IDS <= SEGMENTS && rec[((k) + IDS <= SEGMENTS -> (k) + IDS : 0)] != ABSENT))

proctype writer(byte me)
{
	byte s, l, n, i, x, k;
again:
	{
		attach();
		do
		:: edits > 0 ->
			atomic {
				edits--;
				k = 1;
				do
				:: k < SEGMENTS -> k++
				:: break
				od
			};
			enter_commit();
			if
			:: !known[k] && !IS_TAKEN(k) -> register(k)
			:: rec[k] == LIVE -> retire(k)
			:: rec[k] == LIVE && forces > 0 -> forces--; force_remove(k)
			:: else -> UNLOCK(commit_lock)
			fi;
			k = 0
		:: else -> break
		od;
		atomic { attached[me] = false; ended++ }
	} unless { atomic {
		killed[me] ->
		killed[me] = false;
		s = 0; l = 0; n = 0; i = 0; x = 0; k = 0;
		goto again
	} }
}

/* ---------------------------------------------------------------- the sweep */

/* Unless a pin has taken the decision back. */
inline condemn(slot)
{
	atomic {
		if
#ifdef BUG_NO_DECIDING
		:: STATE(word[slot]) == PENDING ->
#else
		:: STATE(word[slot]) == DECIDING ->
#endif
			word[slot] = WORD(GENERATION(word[slot]), DELETING);
			victims = victims | (1 << born[slot]);
			fresh = fresh | (1 << born[slot])
		:: else
		fi
	}
}

inline decide()
{
	commit_dirty = true;
	open_table(DIRTY);
	atomic { s = 0; batch = 0 };
	do
	:: s < SLOTS ->
		if
		:: STATE(word[s]) == PENDING ->
#ifdef BUG_COUNT_BEFORE_DECIDING
			sum(s);
			if :: n > 0 -> fits = true :: else fi;
#endif
#ifndef BUG_NO_DECIDING
			word[s] = WORD(GENERATION(word[s]), DECIDING);  /* S1 */
#endif
			batch = batch | (1 << s)
		:: STATE(word[s]) == GONE -> free_gone(s)
		:: STATE(word[s]) == DELETING -> victims = victims | (1 << born[s])
		:: else
		fi;
		s++
	:: atomic { else -> s = 0; break }
	od;
#ifdef BUG_TABLE_LOCK_LET_GO_EARLY
	close_table();
	open_table(DIRTY);
#endif
	do
	:: s < SLOTS ->
		if
		:: batch & (1 << s) ->
#ifdef BUG_COUNT_BEFORE_DECIDING
			n = (fits -> 1 : 0);
			fits = false;
#else
			sum(s);                                         /* S2 */
#endif
			if                                              /* S3 */
#ifdef BUG_DECISION_STORED
			:: n == 0 -> word[s] = WORD(GENERATION(word[s]), DELETING); victims = victims | (1 << born[s]); fresh = fresh | (1 << born[s])
#else
			:: n == 0 -> condemn(s)
#endif
			:: else -> atomic { word[s] = UNDECIDED(word[s]) }
			fi;
			n = 0
		:: else
		fi;
		s++
	:: atomic { else -> s = 0; batch = 0; break }
	od;
	close_table()
}

/* The commit clearly failed: all is again what it was. */
inline undo()
{
	open_table(DIRTY);
	do
	:: s < SLOTS ->
		if
		:: IS_USED(word[s]) && (fresh & (1 << born[s])) -> word[s] = WORD(GENERATION(word[s]), PENDING)
		:: else
		fi;
		s++
	:: atomic { else -> s = 0; break }
	od;
	close_table();
	victims = victims & ~fresh
}

inline commit_decisions()
{
	if
	:: atomic {
		true ->
		for (i : 1 .. SEGMENTS) {
			if
			:: victims & (1 << i) -> assert(rec[i] == PENDING || rec[i] == DELETING); rec[i] = DELETING
			:: else
			fi
		}
		i = 0
	}
	:: fails > 0 && fresh != 0 && me != SURVIVOR -> fails--;
#ifndef BUG_FAILED_COMMIT_BELIEVED
		undo()
#endif
	fi;
	atomic { fresh = 0 };
	commit_dirty = false;
	UNLOCK(commit_lock)
}

inline remove_files()
{
	i = 1;
	do
	:: atomic {
		i <= SEGMENTS ->
		if
		:: victims & (1 << i) ->
			for (x : 0 .. PINNERS - 1) { assert(held[x] != i) }
			x = 0;
			file[i] = false
		:: else
		fi;
		i++
	}
	:: atomic { else -> i = 0; break }
	od
}

inline drop_records()
{
	commit_dirty = true;
	atomic {
		for (i : 1 .. SEGMENTS) {
			if
			:: (victims & (1 << i)) && rec[i] == DELETING -> rec[i] = ABSENT
			:: else
			fi
		}
		i = 0
	};
	COMMITTED;
	open_table(SHOWN);
	do
	:: s < SLOTS ->
		if
		:: STATE(word[s]) == DELETING && (victims & (1 << born[s])) ->
			index[sid[s]] = NONE;
			word[s] = WORD(GENERATION(word[s]), GONE);
			free_gone(s)
		:: else
		fi;
		s++
	:: atomic { else -> s = 0; break }
	od;
	finish()
}

inline sweep()
{
	LOCK(sweep_byte);
	reclaim();
	enter_commit();
	decide();
#ifdef BUG_DELETE_BEFORE_COMMIT
	remove_files();
#endif
	commit_decisions();
	if
	:: victims != 0 ->
#ifdef BUG_RECORD_BEFORE_FILES
		enter_commit();
		drop_records();
		remove_files();
#else
		remove_files();
		enter_commit();
		drop_records();
#endif
		victims = 0
	:: else
	fi;
	UNLOCK(sweep_byte)
}

proctype sweeper(byte me)
{
	byte s, l, n, i, r, x, batch, victims, fresh;
	bool fits;
again:
	{
		attach();
		do
		:: atomic { sweeps > 0 -> sweeps-- }; sweep()
		:: else -> break
		od;
		atomic { attached[me] = false; ended++ }
	} unless { atomic {
		killed[me] ->
		killed[me] = false;
		s = 0; l = 0; n = 0; i = 0; r = 0; x = 0; batch = 0; victims = 0; fresh = 0; fits = false;
		goto again
	} }
}

/* ---------------------------------------------------------------- the end of a process, and of all */

/* What the kernel does when a process ends. */
inline kill(v)
{
	if :: commit_lock == v + 1 -> commit_lock = 0 :: else fi;
	if :: table_lock == v + 1 -> table_lock = 0 :: else fi;
	if :: sweep_byte == v + 1 -> sweep_byte = 0 :: else fi;
	if :: alone == v + 1 -> alone = 0 :: else fi;
	for (i : 0 .. LANES - 1) {
		if :: lane_byte[i] == v + 1 -> lane_byte[i] = 0 :: else fi
	}
	i = 0;
	if :: v < PINNERS -> held[v] = 0 :: else fi;
	attached[v] = false;
	killed[v] = true
}

proctype killer()
{
	byte v, i;

	do
	:: atomic {
		kills > 0 ->
		v = 0;
		do
		:: v < WRITER -> v++
		:: break
		od;
		if
		:: attached[v] || alone == v + 1 -> kill(v); kills--
		:: else -> kills--
		fi;
		v = 0
	}
	:: else -> break
	od
}

/* Nobody is there any more: repair, reclaim, sweep; then nothing may be lost and nothing left. */
proctype survivor(byte me)
{
	byte s, l, n, i, r, x, batch, victims, fresh;
	bool fits;

	atomic {
		ended == PINNERS + SWEEPERS + 1;
		assert(commit_lock == 0 && table_lock == 0 && sweep_byte == 0);
#ifdef REBUILD_LAST
		attach();
#else
		attached[me] = true;
#endif
		sweep();
		enter_commit();
		UNLOCK(commit_lock);
		for (i : 1 .. SEGMENTS) {
			assert(rec[i] == ABSENT || rec[i] == LIVE);
			assert(!told_registered[i] || gives_up[i] || rec[i] == LIVE);
			assert(!told_retired[i] || rec[i] == ABSENT);
			assert(!known[i] || forced[i] || file[i] == (rec[i] == LIVE));
			find_slot(i);
			assert((rec[i] == LIVE) == (s < SLOTS));
			if
			:: s < SLOTS -> assert(STATE(word[s]) == LIVE && sid[s] == ID(i) && index[ID(i)] == s)
			:: else
			fi
		}
		for (s : 0 .. SLOTS - 1) {
			assert(STATE(word[s]) == FREE || STATE(word[s]) == LIVE);
			for (l : 0 .. LANES - 1) { assert(count[l * SLOTS + s] == 0) }
		}
		for (l : 0 .. LANES - 1) { assert(!used[l] && lane_byte[l] == 0) }
		assert(version == durable && !commit_dirty && table_dirty == CLEAN)
	}
}

init
{
	byte i;

	atomic {
		for (i : 0 .. IDS - 1) { index[i] = NONE }
		for (i : 0 .. PINNERS - 1) { run pinner(i) }
		for (i : PINNERS .. WRITER - 1) { run sweeper(i) }
		run writer(WRITER);
		run survivor(SURVIVOR);
		run killer()
	}
}
