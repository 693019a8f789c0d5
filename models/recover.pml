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
 * Mutants: -DNOGRACE (no second grace period), -DNOFIRST (none between flag and first look), -DONELOOK (no first look),
 * -DNOTOUCH (nobody marks), -DLATE (the mark after the give), -DFREEQUIET (a free does not mark, a put-back does),
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
	      :: give(f)				/* the put-back */
	      fi
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
		 :: atomic { taken[f] = 0; hand[f] = 0 }
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

proctype Recoverer() {
	byte k, f;
	do
	:: /* a round */
	   up = 1;
	   atomic { k = 0; do :: k < NPR -> gone[k] = dead[k]; k++ :: else -> break od };
	   f = 0;
	   do :: f < NF -> touched[f] = 0; doubted[f] = 0; f++ :: else -> break od;
#ifndef NOFIRST
	   grace();
#endif
	   f = 0;
	   do
#ifdef ONELOOK
	   :: f < NF -> doubted[f] = 1; f++
#else
	   :: f < NF -> if :: taken[f] -> if :: !own[f] -> doubted[f] = 1 :: else -> skip fi :: else -> skip fi; f++
#endif
	   :: else -> break
	   od;
#ifndef NOGRACE
	   grace();
#endif
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
	   atomic {
		f = 0;
		do
		:: f < NF -> assert(hand[f] == 0 || !gone[hand[f]-1] || touched[f]); f++
		:: else -> break
		od
	   };
progress:  skip;
	   if :: up = 0 :: skip fi
	od
}

init { byte i; atomic { run Recoverer(); i = 0; do :: i < NPR -> run Caller(i); i++ :: else -> break od } }
