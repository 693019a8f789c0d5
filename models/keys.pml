/* The keys that pages are shredded with (core/keys.c): two slots, an epoch that says which is the present key, a counter of nonces.
 *
 * A key is two words, copied and written one at a time.  A value of a word stands for keystream that nobody can guess; 0 is a
 * word that was never written, or a constant.  NPR callers shred ROUNDS pages each, and the batch is one page: every caller makes a
 * key afterwards.  A maker's key has the value KEY(its nonce), its filler FILLER(its nonce).
 *
 * Checked:
 *  - no (key, nonce) twice, whatever mixture of words the key is; neither for pages nor for making keys
 *  - no caller ever copies a 0, however late it is
 *  - no word is stored that anybody has copied, as his epoch's, before
 *  - when a mover is done, no word that an epoch up to the one that it ended had in use stands in any slot
 *  (Somebody who stands still for good is among it: all that is checked is checked after each step.)
 *
 * Mutants: -DNONCETWICE (the nonce is loaded and stored), -DSETBACK (nonces begin anew with each key), -DOLDKEPT (the mover
 * overwrites nothing), -DFLIPFIRST (the epoch moves before the key is written), -DSAMEKEY (two makers of an epoch make the same key),
 * -DCONSTANT (the old key is overwritten with zeros), -DCOPYBACK (a maker that is too late restores what it has found in the slot).
 */
#ifndef NPR
#define NPR 3
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#define PAGES (NPR*ROUNDS)
#define FIRST 1			/* the key of the seed */
#define KEY(n) (2+2*(n))
#define FILLER(n) (3+2*(n))
#define VALUES (2+2*PAGES)
#define ALIKE 3			/* so many keys are remembered for each nonce */

byte epoch = 1, next;
byte slot[4];			/* word w of slot s: 2 s + w */
byte ended;

/* ghosts */
byte used[2*VALUES];		/* the epoch that had value v as word w in use: 2 v + w */
short with[2*PAGES*ALIKE];	/* the keys, + 1, that a nonce was used with */

inline use(kind, n, w0, w1) {	/* within atomic */
	k = 0;
	do
	:: k == ALIKE -> break
	:: k < ALIKE && with[((kind)*PAGES+(n))*ALIKE+k] == 0 -> with[((kind)*PAGES+(n))*ALIKE+k] = 1+(w0)*VALUES+(w1); break
	:: else -> assert(with[((kind)*PAGES+(n))*ALIKE+k] != 1+(w0)*VALUES+(w1)); k++
	od; k = 0 }

inline copy_word(e, w, to) {
	atomic {
		to = slot[2*((e)&1)+w];
		assert(to);
		if :: epoch == e && !used[2*to+w] -> used[2*to+w] = e :: else -> skip fi } }
inline put_word(e, w, v) { atomic { assert(!(v) || !used[2*(v)+w]); slot[2*((e)&1)+w] = v } }

inline move_epoch() { atomic { if :: epoch == e -> epoch = e+1; won = 1;
#ifdef SETBACK
		next = 0
#endif
		:: else -> won = 0 fi } }

proctype Caller(byte times)
{
	byte e, n, a, b, k, new;
	bit won;

	do
	:: times == 0 -> break
	:: times > 0 ->
		e = epoch;
#ifdef NONCETWICE
		n = next;
		next = n+1;
#else
		atomic { n = next; next = n+1 };
#endif
		copy_word(e, 0, a);
		copy_word(e, 1, b);
		atomic { use(0, n, a, b); a = 0; b = 0 };
		/* the batch is over */
		e = epoch;
		copy_word(e, 0, a);
		copy_word(e, 1, b);
		atomic {
			use(1, n, a, b);
#ifdef SAMEKEY
			new = KEY(e-1)
#else
			new = KEY(n)
#endif
			a = 0; b = 0 };
#ifdef FLIPFIRST
		move_epoch();
#endif
#ifdef COPYBACK
		a = slot[2*((e+1)&1)]; b = slot[2*((e+1)&1)+1];
#endif
		put_word(e+1, 0, new);
		put_word(e+1, 1, new);
#ifndef FLIPFIRST
		move_epoch();
#endif
		if
		:: won ->
#ifndef OLDKEPT
#ifdef CONSTANT
			put_word(e, 0, 0);
			put_word(e, 1, 0);
#else
			put_word(e, 0, FILLER(n));
			put_word(e, 1, FILLER(n));
#endif
#endif
			atomic { for (k : 0 .. 3) { assert(!used[2*slot[k]+(k&1)] || used[2*slot[k]+(k&1)] > e) }; k = 0 }
		:: else ->
#ifdef COPYBACK
			put_word(e+1, 0, a);
			put_word(e+1, 1, b);
#endif
			skip
		fi;
		atomic { e = 0; n = 0; a = 0; b = 0; new = 0; won = 0; times-- }
	od;
	ended++
}

init {
	atomic {
		slot[2] = FIRST; slot[3] = FIRST;	/* slot 1; the other was never written */
		ended = NPR;
		do :: ended -> run Caller(ROUNDS); ended-- :: else -> break od
	}
	ended == NPR
}
