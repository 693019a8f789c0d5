/* Recovery of what a dead process had in its hand (core/recover.c).
 *
 * A frame is in a hand while its bit is set and nothing says whose it is (own = 0): from a take to the stamp, from the claim
 * of a free to its give, from a take to the put-back of a call that cannot keep it.  Nobody writes down what he has in
 * his hand.  The recoverer tells a dead one's from a live one's by two looks with a grace period between them:
 *     up      the flag is raised: from now on who lets go of a frame marks it (touch) before; marks are wiped
 *     grace   every call that may not have seen the flag, or marked before the wipe, is over
 *     look    doubted: the frames in hands
 *     grace   every live call that had one of them in its hand is over, and has marked it
 *     look    doubted, in a hand, not marked: it has been in one hand all the time, and that hand is dead
 * A grace period: two counts a process, one a parity of the epoch.  Those of the old parity run out; the epoch moves;
 * those of the other run out.  So each count is seen at 0 after the period began; and since callers enter by the epoch's parity
 * only, it ends however many callers come.  A round in which nobody stands still ends (fair: each caller goes on).
 *
 * Checked: no frame is taken from a live hand (NPR callers, which go on for ever); what one had in hand who was
 * dead when a round began is free when it ends, but for a frame that somebody marked meanwhile (by a second free of it, which is
 * refused: the next round has it).  One may stop for ever (-DSTOP): then a round need not end, and nothing is
 * taken.  -DDIE: how many may die.
 *
 * -DSLOT: a pool with one slot, for frame 0 (core/pool.c).  Its tag says POOLED from the fill until it is stamped or put back; the
 * slot is in a hand while neither tree has it, and is marked by itself.  A frame that is with its slot in a hand leaves the hand
 * with it, unmarked; so it is not doubted on the first look, and on the second one it is out, or its slot tells.
 *
 * Mutants: -DNOGRACE (no second grace period), -DNOFIRST (none between flag and first look), -DONELOOK (no first look),
 * -DNOTOUCH (nobody marks), -DLATE (the mark after the give), -DFREEQUIET (a free does not mark, a put-back does),
 * -DWITHSLOT (what is with its slot is doubted), -DSLOTQUIET (nobody marks the slot), -DCOLLECTQUIET (the recoverer does not),
 * -DONEWAIT (the grace period waits for one parity), -DONECOUNT (one count instead of two: a round need not end).
 */
#ifndef NPR
#define NPR 2
#endif
#ifndef NF
#define NF 1
#endif
#ifndef DIE
#define DIE 1
#endif
bit taken[NF], own[NF], touched[NF], doubted[NF];
byte hand[NF];			/* ghost: who has it in hand, + 1 */
#ifdef SLOT
#define HAVE 0
#define HAND 1
#define LACK 2
byte slot = LACK, shand;	/* ghost: as hand[] */
bit pooled, stouched, sdoubted;
#endif
byte count[2*NPR];
bit epoch, up;
bit dead[NPR], gone[NPR];
byte deaths, stops;

/* Between any two steps a caller may die, or be stopped for good. */
#define STEP if :: atomic { deaths < DIE -> deaths++; dead[me] = 1; goto end } :: MAYSTOP skip fi
#ifdef STOP
#define MAYSTOP atomic { stops < 1 -> stops++; goto stopped } ::
#else
#define MAYSTOP
#endif
#ifdef ONECOUNT
#define PARITY 0
#else
#define PARITY epoch
#endif

inline touch(f) {
#ifdef NOTOUCH
	skip
#else
	if :: up -> touched[f] = 1 :: else -> skip fi
#endif
}

inline give(f) {
#ifndef LATE
	touch(f);
	STEP;
#endif
	atomic { taken[f] = 0; hand[f] = 0 };
#ifdef LATE
	STEP;
	touch(f);
#endif
}

#ifdef SLOT
inline touch_slot() {
#ifdef SLOTQUIET
	skip
#else
	if :: up -> stouched = 1 :: else -> skip fi
#endif
}

/* A frame in the hand fills the slot; or it is given back. */
inline fill_or_give() {
	if
	:: atomic { slot == LACK -> slot = HAND; shand = me+1 };
	   STEP;
	   pooled = 1;
	   STEP;
	   touch(0);
	   STEP;
	   touch_slot();
	   STEP;
	   atomic { slot = HAVE; shand = 0; hand[0] = 0 }
	:: true -> give(0)
	fi
}
#endif

proctype Caller(byte me) {
	byte f;
	bit p;
	do
	:: p = PARITY;			/* the epoch as read: it may move before the next step */
	   STEP;
	   count[2*me+p]++;
	   STEP;
	   f = 0;
	   do :: f < NF-1 -> f++ :: break od;
	   if
	   :: atomic { !taken[f] -> taken[f] = 1; hand[f] = me+1 };
	      STEP;
	      if
	      :: atomic { own[f] = 1; hand[f] = 0 }	/* the stamp */
#ifdef SLOT
	      :: fill_or_give()
#else
	      :: give(f)				/* the put-back */
#endif
	      fi
#ifdef SLOT
	   :: atomic { slot == HAVE -> slot = HAND; shand = me+1; hand[0] = me+1 };
	      STEP;
	      if
	      :: true -> touch_slot();			/* a draw */
		 STEP;
		 atomic { slot = LACK; shand = 0 };
		 STEP;
		 if
		 :: atomic { pooled = 0; own[0] = 1; hand[0] = 0 }
		 :: pooled = 0;				/* not to be kept */
		    STEP;
		    fill_or_give()
		 fi
	      :: true -> touch_slot();			/* a claim that comes to nothing */
		 STEP;
		 atomic { slot = HAVE; shand = 0; hand[0] = 0 }
	      :: pooled = 0;				/* released: a claim by its address */
		 STEP;
		 touch_slot();
		 STEP;
		 atomic { slot = LACK; shand = 0 };
		 STEP;
		 if
		 :: atomic { own[0] = 1; hand[0] = 0 }
		 :: true -> give(0)
		 fi
	      fi
#endif
	   :: own[f] ->					/* a free: of anybody's frame */
#ifndef FREEQUIET
	      touch(f);
	      STEP;
#endif
	      if
	      :: atomic { own[f] -> own[f] = 0; hand[f] = me+1 };	/* the claim */
		 STEP;
		 if
		 :: atomic { own[f] = 1; hand[f] = 0 }	/* a split: it is owned again */
#ifdef SLOT
		 :: fill_or_give()
#else
		 :: atomic { taken[f] = 0; hand[f] = 0 }
#endif
		 fi
	      :: else -> skip
	      fi
	   :: else -> skip
	   fi;
	   STEP;
	   count[2*me+p]--
	od;
stopped: do :: p = 1-p od;	/* (a step of its own, so that Spin sees no deadlock) */
end:	skip
}

/* Every count of this parity is seen at 0, or its process dead. */
inline runout(p) {
	k = 0;
	do
	:: k < NPR -> (count[2*k+(p)] == 0 || dead[k]); k++
	:: else -> break
	od
}

inline grace() {
#ifdef ONECOUNT
	runout(0)
#else
#ifndef ONEWAIT
	runout(1-epoch);
#endif
	epoch = 1-epoch;
	runout(1-epoch)
#endif
}

#ifdef SLOT
#define SOMEWHERE 0
#define WITH 1
#define INHAND 2

/* The bit, then the tag, then the two trees of its slot. */
inline where_is(f) {
	where = SOMEWHERE;
	if
	:: taken[f] ->
	   atomic { state = own[f]; if :: pooled -> state = 2 :: else -> skip fi };
	   if
	   :: state == 0 -> where = INHAND
	   :: state == 1 -> skip
	   :: else ->
	      lacks = (slot == LACK);
	      has = (slot == HAVE);
	      if
	      :: lacks -> where = INHAND
	      :: !lacks && has -> where = SOMEWHERE
	      :: else -> where = WITH
	      fi
	   fi
	:: else -> skip
	fi
}

inline collect_slot() {
	if
	:: sdoubted && slot == HAND ->
	   if
	   :: stouched -> again = 1
	   :: else ->
	      assert(shand != 0 && dead[shand-1]);
	      if
	      :: pooled ->
#ifndef COLLECTQUIET
		 touched[0] = 1;	/* the recoverer lets go of it, too: it was perhaps doubted by itself */
#endif
		 atomic { slot = HAVE; shand = 0; hand[0] = 0 }
	      :: else -> atomic { slot = LACK; shand = 0 }
	      fi
	   fi
	:: else -> skip
	fi
}

inline collect_frame() {
	where_is(0);
	if
	:: where == SOMEWHERE -> skip
	:: where != SOMEWHERE && !doubted[0] -> if :: state == 2 -> again = 1 :: else -> skip fi
	:: else ->
	   if
	   :: where == WITH || touched[0] -> again = 1
	   :: else ->
	      if
	      :: atomic { (own[0] == 0 && pooled == (state == 2)) ->	/* the tag is the one looked at */
		 assert(hand[0] != 0 && dead[hand[0]-1]);
		 pooled = 0 };
		 atomic { hand[0] = 0; taken[0] = 0 }
	      :: else -> skip
	      fi
	   fi
	fi
}
#endif

proctype Recoverer() {
	byte k, f;
#ifdef SLOT
	byte where, state;
	bit lacks, has, again;
#endif
	do
	:: /* a round */
	   up = 1;
	   atomic { k = 0; do :: k < NPR -> gone[k] = dead[k]; k++ :: else -> break od };
	   f = 0;
	   do :: f < NF -> touched[f] = 0; doubted[f] = 0; f++ :: else -> break od;
#ifdef SLOT
	   stouched = 0;
	   sdoubted = 0;
	   again = 0;
#endif
#ifndef NOFIRST
	   grace();
#endif
	   f = 0;
	   do
#ifdef ONELOOK
	   :: f < NF -> doubted[f] = 1; f++
#else
#ifdef SLOT
	   :: f < NF -> where_is(f);
#ifdef WITHSLOT
	      if :: where != SOMEWHERE -> doubted[f] = 1 :: else -> skip fi;
#else
	      if :: where == INHAND -> doubted[f] = 1 :: else -> skip fi;
#endif
	      f++
#else
	   :: f < NF -> if :: taken[f] -> if :: !own[f] -> doubted[f] = 1 :: else -> skip fi :: else -> skip fi; f++
#endif
#endif
	   :: else -> break
	   od;
#ifdef SLOT
	   sdoubted = (slot == HAND);
#endif
#ifndef NOGRACE
	   grace();
#endif
#ifdef SLOT
	   collect_slot();
	   collect_frame();
#else
	   f = 0;
	   do
	   :: f < NF ->
	      /* tag and bit first, the mark last */
	      if
	      :: doubted[f] && taken[f] ->
		 if
		 :: !own[f] ->
		    if
		    :: !touched[f] ->
		       assert(hand[f] != 0 && dead[hand[f]-1]);
		       atomic { hand[f] = 0; taken[f] = 0 }
		    :: else -> skip
		    fi
		 :: else -> skip
		 fi
	      :: else -> skip
	      fi;
	      f++
	   :: else -> break
	   od;
#endif
	   atomic {
		f = 0;
		do
#ifdef SLOT
		:: f < NF -> assert(hand[f] == 0 || !gone[hand[f]-1] || again); f++
#else
		:: f < NF -> assert(hand[f] == 0 || !gone[hand[f]-1] || touched[f]); f++
#endif
		:: else -> break
		od;
#ifdef SLOT
		assert(shand == 0 || !gone[shand-1] || again);
#endif
	   };
progress:  skip;
	   if :: up = 0 :: skip fi
	od
}

init { byte i; atomic { run Recoverer(); i = 0; do :: i < NPR -> run Caller(i); i++ :: else -> break od } }
