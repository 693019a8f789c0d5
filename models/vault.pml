/* A vault's pages, out and in (core/vault.c, exit.c, share.c).
 *
 * A frame's tag (state, generation, sharers) changes by compare-and-swap or by who has it in hand; its bit is set from the take to
 * the put. Its memory is `dirty` while it holds what its last owner wrote.  A free: the tag OWNED -> SHREDDING, the memory overwritten, the
 * frame swapped into the quarantine's next slot, and what comes out of that slot put back.
 *
 * Checked: what a caller takes is not dirty, and he is its only owner (NPR callers; DIE of them die anywhere, STOP of them stand still); an owner who was
 * told that his free is done was its only user then.
 *
 * -DDEFER: the free leaves the page in the laundry, any caller launders.  -DSHARE: another caller adds itself to the owner's page and
 * leaves it again.  -DNOSTALE: without frees by old handles.
 *
 * Mutants: -DEARLY (the tag FREE and the frame back before it is overwritten), -DTAKEOVER (who finds SHREDDING overwrites and puts back,
 * as if the other were dead), -DTWOSTEP (the free looks, then stores, instead of a compare-and-swap), -DBLIND (a free does not look at the sharers),
 * -DRINGSTORE (the quarantine's slot is read, then written), -DPLAINWASH (the laundry's bit is seen, then cleared).
 */
#ifndef NPR
#define NPR 2
#endif
#ifndef NF
#define NF 2
#endif
#ifndef DIE
#define DIE 0
#endif
#define FREE 0
#define OWNED 1
#define SHREDDING 2
#define SHARED 3

bit taken[NF], dirty[NF], wash[NF];
byte state[NF], gen[NF];
byte ring = NF-1;		/* one slot: the last frame stands in it */
byte user[NF];			/* ghost: how many believe that the page is theirs */
byte deaths;

#define STEP if :: atomic { deaths < DIE -> deaths++; goto end } :: skip fi
#define NEXT(g) ((g+1) % 4)

/* Ours: overwritten, through the quarantine, put back. */
inline finish(f) {
#ifdef EARLY
	atomic { state[f] = FREE; taken[f] = 0 };
	STEP;
#endif
	dirty[f] = 0;		/* (each half of it is the same to everybody else) */
	STEP;
#ifndef EARLY
#ifdef RINGSTORE
	out = ring;
	STEP;
	ring = f;
#else
	atomic { out = ring; ring = f };
#endif
	STEP;
	f = out;
	state[f] = FREE;
	STEP;
	taken[f] = 0
#endif
}

inline claim(f, g) {
	ok = 0;
#ifdef TWOSTEP
	if
	:: state[f] == OWNED && gen[f] == g ->
	   STEP;
	   atomic { state[f] = SHREDDING; gen[f] = NEXT(g); ok = 1 }
	:: else -> skip
	fi
#else
	atomic {
		if
#ifdef BLIND
		:: (state[f] == OWNED || state[f] == SHARED) && gen[f] == g -> state[f] = SHREDDING; gen[f] = NEXT(g); ok = 1
#else
		:: state[f] == OWNED && gen[f] == g -> state[f] = SHREDDING; gen[f] = NEXT(g); ok = 1
#endif
		:: else -> skip
		fi
	}
#endif
}

proctype Caller(byte me) {
	byte f, g, out;
	bit ok;
	do
	:: /* allocate, use, free */
	   f = 0;
	   do :: f < NF-1 -> f++ :: break od;
	   if
	   :: atomic { !taken[f] -> taken[f] = 1 };
	      assert(!dirty[f] && user[f] == 0);
	      STEP;
	      atomic { state[f] = OWNED; g = gen[f]; user[f] = 1 };
	      STEP;
	      dirty[f] = 1;
	      STEP;
	      do
	      :: claim(f, g);
		 if
		 :: ok ->
		    atomic { assert(user[f] == 1); user[f] = 0 };
		    STEP;
#ifdef DEFER
		    wash[f] = 1;
#else
		    finish(f);
#endif
		    break
		 :: else -> STEP	/* shared: later */
		 fi
	      od;
	   :: else -> skip
	   fi
#ifndef NOSTALE
	:: /* a free by a handle that is no longer good, or is another's */
	   f = 0;
	   do :: f < NF-1 -> f++ :: break od;
	   atomic {			/* the generation before (at once: of 32 bits, none comes round meanwhile) */
		g = (gen[f] + 3) % 4;
		claim(f, g);
		assert(!ok)
	   }
#endif
#ifdef SHARE
	:: /* another user of a page, and no more */
	   f = 0;
	   do :: f < NF-1 -> f++ :: break od;
	   atomic {
		ok = 0;
		if :: state[f] == OWNED -> state[f] = SHARED; user[f]++; g = gen[f]; ok = 1 :: else -> skip fi
	   };
	   STEP;
	   if
	   :: ok ->
	      assert(state[f] == SHARED && gen[f] == g);
	      atomic { user[f]--; state[f] = OWNED }
	   :: else -> skip
	   fi
#endif
#ifdef DEFER
	:: f = 0;
	   do :: f < NF-1 -> f++ :: break od;
#ifdef PLAINWASH
	   if
	   :: wash[f] -> STEP; wash[f] = 0; STEP; finish(f)
#else
	   if
	   :: atomic { wash[f] -> wash[f] = 0 }; STEP; finish(f)
#endif
	   :: else -> skip
	   fi
#endif
#ifdef TAKEOVER
	:: f = 0;
	   do :: f < NF-1 -> f++ :: break od;
	   if
	   :: state[f] == SHREDDING && ring != f -> STEP; finish(f)
	   :: else -> skip
	   fi
#endif
	od;
end:	skip
}

init {
	byte i;
	atomic {
		taken[NF-1] = 1;
		state[NF-1] = SHREDDING;
		i = 0;
		do :: i < NPR -> run Caller(i); i++ :: else -> break od
	}
}
