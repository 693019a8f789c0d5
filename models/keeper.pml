/* What a keeper adds to a room's pools (core/keeper.c, core/pool.c).  Trees are atomic sets with the truthful none
 * that tree.pml proves; a give is two steps, bit and listing, as in pool.pml.
 *
 * SC 1, the flag.  A draw that empties a slot below low lists it as lacking, then sets the flag.  Only the keeper clears
 * it, and looks at the list after that; where something lacks still, it sets it again.  Fills touch it not.  At rest:
 * where a slot lacks a frame, the flag is up.
 * Mutants: -DTELLFIRST (the draw sets the flag, then lists), -DLOOKFIRST (the keeper looks, then clears),
 * -DFILLCLEARS (a fill clears it: what the core did before it had a keeper).
 *
 * SC 2 and 3, zeroed frames.  A pool of one slot whose frame is zero.  Its `lack` hangs on a root of its own: a free never
 * sees it.  The keeper takes a frame of the commons as any caller, zeroes it, and fills the slot.  Who asks for zeroed
 * memory draws there first, and then from the commons; all others the other way round.
 * Checked: what is drawn there is zero; no frame twice; -ENOMEM only if at an instant of the call no frame was free
 * (in the keeper's hand it is not: it is allocated); no slot and no frame is lost.
 * Mutants: -DUNZEROED (the keeper does not zero), -DFILLFIRST (it fills, then zeroes), -DFREEFILLS (an ordinary free
 * fills the slot), -DONCE (no second look of a failing request), -DUNENTITLED (who needs no zeroes may not draw there).
 */
#ifndef NF
#define NF 2
#endif
#ifndef NPR
#define NPR 3
#endif
#define NONE 255
#define BITOF(x) (1<<(x))

byte ended, k;

#if SC==1
byte lack, lackv;	/* slots of the pools below low: bits, and what the root lists */
bit flag;

proctype Draw(byte s)
{
#ifdef TELLFIRST
	flag = 1;
	lack = lack | BITOF(s);
	lackv = lack;
#else
	lack = lack | BITOF(s);
	atomic { if :: lack & BITOF(s) -> lackv = lackv | BITOF(s) :: else -> skip fi };	/* filled meanwhile: not listed */
	flag = 1;
#endif
	ended++
}
proctype Fill()
{
	byte s = 0;
	atomic { /* a slot that the root lists */
		if :: lackv & 1 -> s = 1 :: !(lackv & 1) && lackv & 2 -> s = 2 :: else -> s = 0 fi;
		lack = lack & ~s; lackv = lackv & ~s };
#ifdef FILLCLEARS
	if :: s -> flag = 0 :: else -> skip fi;
#endif
	ended++
}
proctype Rest()
{
#ifdef LOOKFIRST
	if :: lackv == 0 -> flag = 0 :: else -> skip fi;
#else
	flag = 0;
	if :: lackv -> flag = 1 :: else -> skip fi;
#endif
	ended++
}
init {
	atomic { run Draw(0); run Draw(1); run Fill(); run Rest(); run Rest() };
	ended == 5;
	assert(lack == lackv);
	assert(!lack || flag)
}
#else

byte com, comv;		/* frames of the commons */
bit zhave, zhavev, zlack; byte zslot = NONE;
bit dirty[NF];
byte chg[NPR];		/* roots listed since I looked: 1 the commons, 2 the pool */
bit fre[NF], own[NF], in[NPR], seen[NPR];	/* ghosts */
bit el;

inline note() {	/* whoever is in an alloc while nothing is free may be refused */
	el = 0; for (k : 0 .. NF-1) { el = el | fre[k] };
	for (k : 0 .. NPR-1) { if :: in[k] && !el -> seen[k] = 1 :: else -> skip fi }; k = 0; el = 0 }
inline listed(r) { for (k : 0 .. NPR-1) { chg[k] = chg[k] | r }; k = 0 }
inline own_it(x_) { assert(!own[x_]); own[x_] = 1; fre[x_] = 0; note() }

inline take_com() {	/* within atomic; f: the frame, or NONE */
	f = NONE; for (k : 0 .. NF-1) { if :: (com & BITOF(k)) && f == NONE -> f = k :: else -> skip fi }; k = 0;
	if :: f != NONE -> com = com & ~BITOF(f); comv = comv & ~BITOF(f); own_it(f) :: else -> skip fi }
inline draw() {		/* f: a zeroed frame, or NONE */
	atomic { f = NONE; if :: zhavev -> zhave = 0; zhavev = 0; f = zslot; own_it(f) :: else -> skip fi };
	if :: f != NONE -> assert(!dirty[f]); zlack = 1 :: else -> skip fi }
inline fill(x_) {	/* done: it is in the slot */
	atomic { if :: zlack -> zlack = 0; done = 1 :: else -> done = 0 fi };
	if :: done ->
		zslot = x_;
		atomic { own[x_] = 0; zhave = 1 };
		atomic { if :: zhave && zslot == x_ -> zhavev = 1; listed(2); fre[x_] = 1 :: else -> skip fi }
	   :: else -> skip fi }
inline give_com(x_) {
	atomic { own[x_] = 0; com = com | BITOF(x_) };
	atomic { if :: com & BITOF(x_) -> comv = comv | BITOF(x_); listed(1); fre[x_] = 1 :: else -> skip fi } }
inline free_(x_) {
	dirty[x_] = 1;	/* its owner has written there */
	done = 0;
#ifdef FREEFILLS
	fill(x_);
#endif
	if :: !done -> give_com(x_) :: else -> skip fi }

inline alloc_(zero) {
	atomic { in[me] = 1; seen[me] = 0; f = NONE; got = 0; note() };
	do
	:: got -> break
	:: else ->
		if :: zero -> draw() :: else -> skip fi;
		if :: f == NONE -> atomic { if :: comv == 0 -> chg[me] = chg[me] & ~1 :: else -> skip fi; take_com() } :: else -> skip fi;
#ifdef UNENTITLED
		if :: f == NONE && zero
#else
		if :: f == NONE
#endif
			-> atomic { if :: !zhavev -> chg[me] = chg[me] & ~2 :: else -> skip fi }; draw()
		   :: else -> skip fi;
		if :: f != NONE -> got = 1
		   :: else ->
#ifdef ONCE
			got = 1
#else
			/* the proof: both roots empty, and the same on a second look */
			atomic { chg[me] = 0; ok = (comv == 0) };
#ifndef UNENTITLED
			ok = ok && !zhavev;
#endif
			atomic { got = ok && comv == 0 && !(chg[me] & 1) };
#ifndef UNENTITLED
			atomic { got = got && !zhavev && !(chg[me] & 2) }
#endif
#endif
		fi
	od;
	atomic { if :: f == NONE -> assert(seen[me]) :: else -> skip fi; in[me] = 0; seen[me] = 0; chg[me] = 0; got = 0; ok = 0 } }

#define LOCALS byte f = NONE; bit got, done, ok
proctype Taker(byte me; bit zero; byte times) { LOCALS;
	do :: times -> alloc_(zero); if :: f != NONE -> free_(f); f = NONE :: else -> skip fi; times--
	   :: else -> break od;
	ended++ }
proctype Holder(byte me; bit zero) { LOCALS; alloc_(zero); f = NONE; ended++ }
proctype Keeper(byte me; byte times) { LOCALS;
	do :: times ->
		atomic { take_com() };
		if :: f != NONE ->
#ifdef FILLFIRST
			fill(f); dirty[f] = 0;
#else
#ifndef UNZEROED
			dirty[f] = 0;
#endif
			fill(f);
#endif
			if :: !done -> give_com(f) :: else -> skip fi; f = NONE; done = 0
		   :: else -> skip fi;
		times--
	   :: else -> break od;
	ended++ }

init {
	atomic {
		for (k : 0 .. NF-1) { com = com | BITOF(k); fre[k] = 1; dirty[k] = 1 }; k = 0; comv = com; zlack = 1;
#if SC==2
		run Keeper(0, 2); run Taker(1, 1, 2); run Taker(2, 0, 1);
#if NPR > 3
		run Holder(3, 0);
#endif
#endif
#if SC==3	/* two keepers, one slot */
		run Keeper(0, 1); run Keeper(1, 1); run Taker(2, 1, 1);
#endif
	}
	ended == NPR;
	assert(zhave != zlack && zhave == zhavev && com == comv);
	assert(!zhave || !dirty[zslot]);
	for (k : 0 .. NF-1) { assert(own[k] || (com & BITOF(k)) || (zhave && zslot == k)) }
}
#endif
