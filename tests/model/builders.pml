/*
 * builders.pml - reservations: builders write segments, and publish them or give them up. A builder may be killed
 * before any step.
 *
 * A builder attaches a lane, reserves an id, writes, and publishes, gives up or only closes. It may retire what it
 * published. A builder whose reservation is refused tries to publish all the same. A sweeper deletes what has no
 * builder any more. Where no process is attached, the next one builds the region anew, and then no reservation has a
 * builder.
 *
 * Pins are left out (core.pml): no process holds what is retired. Commits that carry others' edits are left out too
 * (group.pml). All that matters of them here is that a rider reserves nothing, and publishes under its own name.
 *
 * A lock is taken in one step with the first act under it, and given back in one step with the last. No other process
 * can see a difference. Several acts that others cannot see are one step, as far as a death in the middle leaves
 * nothing new.
 */
#ifndef BUILDERS
#define BUILDERS 2
#endif
#ifndef LIVES
#define LIVES 3		/* of all builders together: from attaching to closing, or death */
#endif
#ifndef LANES
#define LANES 2
#endif
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef IDS
#define IDS 1
#endif
#ifndef SWEEPS
#define SWEEPS 1
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef FAILS
#define FAILS 1		/* commits that clearly fail */
#endif
#ifndef STICKS
#define STICKS 0	/* deletions that fail; an operator may then forget the segment */
#endif

#define FREE 0
#define BUILDING 1
#define LIVE 2
#define PENDING 3
#define DELETING 4
#define ABSENT 0

#define SWEEPER BUILDERS
#define SURVIVOR (SWEEPER + 1)
#define PROCESSES (SURVIVOR + 1)
#define ME (me + 1)
#define OWNER(l) (epoch[l] << 2 | (l))
#define LANE(o) ((o) & 3)
/* A name in the trash is a bit. Where no deletion fails, nothing is left there for another to find, so times need not differ. */
#if !STICKS
#define STAMP(id) skip
#define NAME(id) 1
#else
#define STAMP(id) clock++; rec_at[id] = clock
#ifdef BUG_NAMED_BY_VERSION
#define NAME(id) (1 << rec_born[id])
#else
#define NAME(id) (1 << rec_at[id])
#endif
#endif
#define LOCK(l) atomic { l == 0 -> l = ME }
#define UNLOCK(l) atomic { assert(l == ME); l = 0 }

/* The region. */
byte word[SLOTS], sid[SLOTS], born[SLOTS], builder[SLOTS];	/* builder: 0 for nobody */
bool used[LANES], commit_dirty, table_dirty;
byte epoch[LANES];

/* Bytes of registry.lock. */
byte commit_lock, table_lock, sweep_byte, lane_byte[LANES];
bool attached[PROCESSES];

/* LMDB and the disk. */
byte rec[IDS], rec_born[IDS], rec_at[IDS], version, clock, trash[IDS];
bool file[IDS];

/* Budgets, and who has been killed and does not know it yet. */
byte lives = LIVES, sweeps = SWEEPS, kills = KILLS, fails = FAILS, sticks = STICKS, ended;
bool killed[PROCESSES];

/* Ghosts: which living builder got the answer "reserved"; whose reservation LMDB has; what got the answer "published"
 * and was not given up; what an operator got back. */
byte builds[IDS], reserver[IDS], forgotten[IDS];
bool told_published[IDS];

/* ---------------------------------------------------------------- slots, repair */

/* Both with the commit lock; the first sets its dirty word as well, if it is not set. */
inline open_table()
{
	atomic { table_lock == 0 -> table_lock = ME; commit_dirty = true; table_dirty = true }
}

inline close_table()
{
	atomic { table_dirty = false; UNLOCK(table_lock) }
}

inline leave_commit()
{
	atomic { commit_dirty = false; UNLOCK(commit_lock) }
}

inline finish()
{
	close_table();
	leave_commit()
}

/* What is in a free slot nobody reads, but who built there last may matter. */
#define SET_FREE word[s] = FREE; sid[s] = 0; born[s] = 0

inline find(id)
{
	atomic {
		s = 0;
		do
		:: s < SLOTS && !(word[s] != FREE && sid[s] == id) -> s++
		:: else -> break
		od
	}
}

/* sr_table_take: any that is free. [table] */
inline take(id, a_born)
{
	atomic {
		s = 0;
		do
		:: word[s] == FREE -> break
		:: s < SLOTS - 1 -> s++
		:: s == SLOTS - 1 && word[s] != FREE -> s = 0
		od
	};
	atomic {
		born[s] = a_born;
#ifndef BUG_BUILDER_KEPT
		builder[s] = 0;
#endif
		sid[s] = id
	}
}

inline reconcile()
{
	open_table();
	do
	:: atomic {
		s < SLOTS ->
		if
		:: word[s] == FREE
		:: word[s] != FREE && rec[sid[s]] != ABSENT && rec_born[sid[s]] == born[s] -> word[s] = rec[sid[s]]
		:: else -> SET_FREE
		fi;
#ifdef BUG_REPAIR_FORGETS
		builder[s] = 0;
#endif
		s++
	}
	:: atomic { else -> s = 0; break }
	od;
	i = 0;
	do
	:: i < IDS ->
		find(i);
		if
		:: rec[i] != ABSENT && s == SLOTS ->
			take(i, rec_born[i]);
			word[s] = rec[i]
		:: else
		fi;
		atomic { s = 0; i++ }
	:: atomic { else -> i = 0; break }
	od;
	close_table();
	commit_dirty = false
}

inline enter_commit()
{
	if
	:: atomic { commit_lock == 0 && (commit_dirty || table_dirty) -> commit_lock = ME }
		reconcile()
	:: atomic { commit_lock == 0 && !commit_dirty && !table_dirty -> commit_lock = ME }
	fi
}

/* ---------------------------------------------------------------- attaching; lanes */

/* Nobody there: the region anew (that others do not see half of it: core.pml). */
inline attach()
{
	d_step {
		i = 0;
		do
		:: i < PROCESSES && !attached[i] -> i++
		:: else -> break
		od;
		if
		:: i == PROCESSES ->
			for (i : 0 .. SLOTS - 1) { word[i] = FREE; sid[i] = 0; born[i] = 0; builder[i] = 0 }
			for (i : 0 .. LANES - 1) { assert(lane_byte[i] == 0); used[i] = false; epoch[i] = 1 }
			for (i : 0 .. IDS - 1) { if :: rec[i] != ABSENT -> word[i] = rec[i]; sid[i] = i; born[i] = rec_born[i] :: else fi }
			commit_dirty = false;
			table_dirty = false
		:: else
		fi;
		i = 0;
		attached[me] = true
	}
}

#ifdef BUG_EPOCH_KEPT
#define NEXT(e) (e)
#else
#define NEXT(e) ((e) + 1)
#endif

/* With the table lock, which is given back. */
inline empty_lane(l)
{
	epoch[l] = NEXT(epoch[l]);
	atomic { used[l] = false; UNLOCK(table_lock) }
}

inline reclaim()
{
	do
	:: r < LANES ->
		x = epoch[r];
		if
		:: atomic { used[r] && lane_byte[r] == 0 -> lane_byte[r] = ME }
			if
			:: atomic { table_lock == 0 && used[r] && epoch[r] == x -> table_lock = ME }
				empty_lane(r)
			:: table_lock == 0 && !(used[r] && epoch[r] == x)
			fi;
			lane_byte[r] = 0
		:: else
		fi;
		atomic { x = 0; r++ }
	:: atomic { else -> r = 0; break }
	od
}

#ifdef BUG_OWNER_READ_EARLY
#define READ_OWNER skip
#else
#define READ_OWNER owner = OWNER(lane)
#endif

/*
 * Without the table lock. A lane that was found free is checked again while this process holds the lane's byte, in one
 * step with the swap. While a lane is free, only the holder of its byte changes it. lane becomes LANES if no lane is
 * free.
 */
inline attach_lane()
{
	lane = 0;
	do
	:: lane < LANES ->
		if
#ifdef BUG_OWNER_READ_EARLY
		:: atomic { !used[lane] -> owner = OWNER(lane) }
#else
		:: !used[lane] ->
#endif
			if
			:: atomic { lane_byte[lane] == 0 -> lane_byte[lane] = ME };
				if
#ifdef BUG_LANE_FOUND_FREE_ONCE
				:: atomic { true -> used[lane] = true; owner = OWNER(lane); break }
#else
				:: atomic { !used[lane] -> used[lane] = true; READ_OWNER; break }
				:: else -> atomic { lane_byte[lane] = 0; lane++ }
#endif
				fi
			:: else -> lane++
			fi
		:: else -> lane++
		fi
	:: else -> break
	od
}

inline detach_lane()
{
	LOCK(table_lock);
	empty_lane(lane);
	lane_byte[lane] = 0
}

/* ---------------------------------------------------------------- builders */

#ifdef BUG_DELETING_RESERVED
#define IS_VACANT(id) ((rec[id] == ABSENT || rec[id] == DELETING) && !file[id])
#else
#define IS_VACANT(id) (rec[id] == ABSENT && !file[id])
#endif

/* Each of the following enters the commit lock and gives it back. ok: it was done. */
inline reserve(id)
{
	enter_commit();
	if
	:: atomic { IS_VACANT(id) -> assert(builds[id] == 0); find(id) }
		open_table();
		take(id, 0);
		builder[s] = owner;
		close_table();
#ifdef BUG_WRITES_FIRST
		file[id] = true;
#endif
		atomic { rec[id] = BUILDING; rec_born[id] = 0; STAMP(id); reserver[id] = owner };
		open_table();
		word[s] = BUILDING;
		finish();
		atomic { ok = true; builds[id] = ME }
	:: else -> UNLOCK(commit_lock)
	fi;
	s = 0
}

#ifdef BUG_ANYBODY_PUBLISHES
#define IS_OURS(id) (s < SLOTS && word[s] == BUILDING)
#else
#define IS_OURS(id) (s < SLOTS && word[s] == BUILDING && builder[s] == owner)
#endif

/* Whose reservation it is, is decided by the region, and must be so. */
#define OURS(id) (rec[id] == BUILDING && IS_OURS(id))
#define SEE(id) atomic { find(id); ours = OURS(id); assert(ours == (builds[id] == ME)) }

inline publish(id)
{
	enter_commit();
	SEE(id);
	if
	:: ours && file[id] ->
		commit_dirty = true;
		if
		:: atomic { true -> version++; rec[id] = LIVE; rec_born[id] = version; STAMP(id); builds[id] = 0; reserver[id] = 0 }
			open_table();
			builder[s] = 0;
			born[s] = rec_born[id];
			word[s] = LIVE;
			finish();
			atomic { ok = true; told_published[id] = true }
		:: fails > 0 -> fails--; leave_commit()
		fi
	:: else -> UNLOCK(commit_lock)
	fi;
	atomic { s = 0; ours = false }
}

inline unreserve(id)
{
	enter_commit();
	SEE(id);
	if
	:: ours ->
		commit_dirty = true;
		atomic { rec[id] = DELETING; builds[id] = 0; reserver[id] = 0 };
		open_table();
		word[s] = DELETING;
		finish()
	:: else -> UNLOCK(commit_lock)
	fi;
	atomic { s = 0; ours = false }
}

inline retire(id)
{
	enter_commit();
	if
	:: rec[id] == LIVE ->
		commit_dirty = true;
		atomic { rec[id] = PENDING; told_published[id] = false };
		open_table();
		find(id);
		word[s] = PENDING;
		finish()
	:: else -> UNLOCK(commit_lock)
	fi;
	s = 0
}

#define FORGET lane = 0; owner = 0; id = 0; s = 0; i = 0; r = 0; x = 0; ok = false; ours = false; tried = false

proctype maker(byte me)
{
	byte lane, owner, id, s, i, r, x;
	bool ok, ours, tried;
again:
	{
		do
		:: atomic { lives > 0 -> lives-- }
			attach();
			do
			:: attach_lane();
				if
				:: lane != LANES || tried -> break
				:: else -> tried = true; reclaim()
				fi
			od;
			if
			:: lane != LANES ->
				atomic { if :: id = 0 :: id = IDS - 1 fi };
				reserve(id);
				if
				:: ok ->
					atomic { ok = false; assert(rec[id] == BUILDING) };
					file[id] = true;
					if
					:: unreserve(id)
					:: publish(id);
						if
						:: ok -> retire(id)
						:: ok
						:: !ok -> unreserve(id)
						fi
					:: skip
					fi
				:: !ok -> publish(id)
				fi;
				atomic { if :: builds[id] == ME -> builds[id] = 0 :: else fi };
				detach_lane()
			:: else
			fi;
			atomic { attached[me] = false; FORGET }
		:: else -> break
		od;
		ended++
	} unless { atomic { killed[me] -> killed[me] = false; FORGET; goto again } }
}

/* ---------------------------------------------------------------- the sweep */

#ifdef BUG_EPOCH_NOT_COMPARED
#define IS_ALIVE(o) (o != 0 && used[LANE(o)])
#else
#define IS_ALIVE(o) (o != 0 && used[LANE(o)] && OWNER(LANE(o)) == o)
#endif
#define WAS_ALIVE(o) (used[LANE(o)] && OWNER(LANE(o)) == o)

inline decide()
{
	open_table();
	do
	:: s < SLOTS ->
		if
#ifndef BUG_LIVING_SWEPT
		:: atomic { word[s] == BUILDING && IS_ALIVE(builder[s]) -> assert(WAS_ALIVE(reserver[sid[s]])) }
		:: atomic { word[s] == BUILDING && !IS_ALIVE(builder[s]) -> assert(builds[sid[s]] == 0) }
#else
		:: atomic { word[s] == BUILDING -> assert(builds[sid[s]] == 0) }
#endif
			atomic { word[s] = DELETING; victims = victims | (1 << sid[s]); fresh = fresh | (1 << s) }
		:: atomic { word[s] == PENDING -> word[s] = DELETING; victims = victims | (1 << sid[s]); retired = retired | (1 << s) }
		:: atomic { word[s] == DELETING -> victims = victims | (1 << sid[s]) }
		:: word[s] == FREE || word[s] == LIVE
		fi;
		s++
	:: atomic { else -> s = 0; break }
	od;
	close_table()
}

/* undo_decisions. Dirty: the next one repairs. */
inline undo()
{
	open_table();
	do
	:: atomic {
		s < SLOTS ->
		if
		:: fresh & (1 << s) -> word[s] = BUILDING
		:: retired & (1 << s) -> word[s] = PENDING
		:: else
		fi;
		s++
	}
	:: atomic { else -> s = 0; break }
	od;
	close_table();
	victims = 0
}

inline commit_decisions()
{
	if
	:: atomic {
		true ->
		for (i : 0 .. IDS - 1) {
			if
			:: victims & (1 << i) ->
				assert(rec[i] == BUILDING || rec[i] == PENDING || rec[i] == DELETING);
				rec[i] = DELETING;
				reserver[i] = 0
			:: else
			fi
		}
		i = 0
	}
		atomic { fresh = 0; retired = 0 }
		leave_commit()
	:: atomic { fails > 0 && fresh + retired != 0 && me != SURVIVOR -> fails-- }
		undo();
		atomic { fresh = 0; retired = 0; UNLOCK(commit_lock) }
	fi
}

/* What has its name in the trash, or else what is at its path by way of there. stuck: of whom something is left. */
inline remove_files()
{
	do
	:: i < IDS && (victims & (1 << i)) ->
		atomic {
			assert(builds[i] == 0 && !told_published[i]);
			if
			:: file[i] && !(trash[i] & NAME(i)) -> file[i] = false; trash[i] = trash[i] | NAME(i)
			:: else
			fi
		};
		if
		:: atomic { true -> trash[i] = trash[i] & ~NAME(i) }
		:: atomic { sticks > 0 && me != SURVIVOR && (trash[i] & NAME(i)) -> sticks--; stuck = stuck | (1 << i) }
		fi;
		i++
	:: i < IDS && !(victims & (1 << i)) -> i++
	:: atomic { i == IDS -> i = 0; break }
	od
}

inline drop_records()
{
	commit_dirty = true;
	atomic {
		for (i : 0 .. IDS - 1) {
			if
			:: (victims & ~stuck & (1 << i)) && rec[i] == DELETING -> rec[i] = ABSENT; rec_born[i] = 0
			:: else
			fi
		}
		i = 0
	};
	open_table();
	do
	:: atomic {
		s < SLOTS ->
		if
		:: word[s] == DELETING && (victims & ~stuck & (1 << sid[s])) -> SET_FREE
		:: else
		fi;
		s++
	}
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
		atomic { victims = 0; stuck = 0 }
	:: else
	fi;
	UNLOCK(sweep_byte)
}

/* An operator, with force, while no sweep is at work. The operator takes away what lies in the trash, or what is at
 * its path. */
inline forget(id)
{
	LOCK(sweep_byte);
	enter_commit();
	find(id);
	if
	:: s < SLOTS && word[s] == DELETING ->
		commit_dirty = true;
		atomic {
			if
			:: trash[id] & NAME(id) -> forgotten[id] = forgotten[id] | NAME(id)
			:: else -> file[id] = false
			fi;
			rec[id] = ABSENT;
			rec_born[id] = 0
		};
		open_table();
		SET_FREE;
		finish()
	:: else -> UNLOCK(commit_lock)
	fi;
	s = 0;
	UNLOCK(sweep_byte)
}

proctype sweeper(byte me)
{
	byte s, i, r, x, victims, fresh, retired, stuck;
again:
	{
		do
		:: atomic { sweeps > 0 -> sweeps-- }
			attach();
			sweep();
			if
			:: STICKS > 0 -> forget(0)
			:: skip
			fi;
			attached[me] = false
		:: else -> break
		od;
		ended++
	} unless { atomic {
		killed[me] ->
		killed[me] = false;
		s = 0; i = 0; r = 0; x = 0; victims = 0; fresh = 0; retired = 0; stuck = 0;
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
	for (i : 0 .. LANES - 1) { if :: lane_byte[i] == v + 1 -> lane_byte[i] = 0 :: else fi }
	for (i : 0 .. IDS - 1) { if :: builds[i] == v + 1 -> builds[i] = 0 :: else fi }
	i = 0;
	attached[v] = false;
	killed[v] = true
}

/* It may also never strike. */
proctype killer(byte v)
{
	byte i;

end:	do
	:: atomic { kills > 0 && attached[v] -> kills--; kill(v) }
	od
}

/* All is quiet. Whether or not the region is built anew: after a sweep there is nothing half made. */
proctype survivor(byte me)
{
	byte s, i, r, x, victims, fresh, retired, stuck;

	atomic {
		ended == BUILDERS + 1;
		assert(commit_lock == 0 && table_lock == 0 && sweep_byte == 0);
		if
		:: attach()
		:: attached[me] = true
		fi;
		sweep();
		enter_commit();
		UNLOCK(commit_lock);
		for (i : 0 .. IDS - 1) {
			assert(rec[i] == ABSENT || rec[i] == LIVE);
			assert(rec[i] == LIVE || !told_published[i]);
			assert(file[i] == (rec[i] == LIVE));
			assert((trash[i] & ~forgotten[i]) == 0);
			find(i);
			assert((rec[i] == LIVE) == (s < SLOTS));
			if
			:: s < SLOTS -> assert(word[s] == LIVE && born[s] == rec_born[i])
			:: else
			fi
		}
		for (i : 0 .. LANES - 1) { assert(!used[i] && lane_byte[i] == 0) }
		assert(!commit_dirty && !table_dirty)
	}
}

init
{
	byte i;

	atomic {
		for (i : 0 .. LANES - 1) { epoch[i] = 1 }
		for (i : 0 .. BUILDERS - 1) { run maker(i) }
		run sweeper(SWEEPER);
		run survivor(SURVIVOR);
		for (i : 0 .. SWEEPER) { run killer(i) }
	}
}
