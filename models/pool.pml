/* The pools of a room (core/pool.c): a commons, and nested pools of slots, 0 the innermost.
 *
 * Each tree (the commons, and the `have` and the `lack` tree of a pool) is an atomic set with the truthful
 * none that tree.pml proves: `com` are the bits, `comv` what the root lists.  A give is two steps, bit and
 * listing; a take finds what is listed, by a hint also what is not yet.  A stale listing hides nothing and is
 * left out.
 *   draw  = take a slot from have, read its frame, give the slot to lack
 *   fill  = take a slot from lack, write it, give it to have
 *   free  = fill the innermost pool that lacks, else the commons
 *   alloc = the commons, then the outermost pool that has; -ENOMEM only after a second look at all roots
 *           finds them empty and unchanged (sequences are ideal: `chg` notes each listing)
 *
 * Checked: no frame twice; no draw from a pool without the right; -ENOMEM only if at an instant of the call
 * no eligible frame was free (a frame is free from the return of its free on); no slot is lost.
 *
 * This is what the core does: NOBODY MOVES A FREE FRAME.  A frame goes where its free puts it, and stays there
 * until a request takes it; nothing that is free is ever in anybody's hand, so -ENOMEM is truthful and an order-0
 * request that meets no blocks is never told -EAGAIN.  The price is THE DEFICIT: a draw and a free that overlap
 * can miss each other:
 *          alloc A   the commons: none
 *          free F    lack: none;  gives its frame to the commons, returns
 *          alloc A   takes a slot from have, gives it to lack, returns
 * Now a pool lacks a frame while one is free further out.  Nobody is refused by it (who may draw from that
 * pool may take what is outside all the more), but a request without the right to it may have a frame that
 * Linux's count would keep.  At rest the excess = min(slots lacking, frames outside) is bounded by the calls that
 * overlapped (-DBOUND=n): 0 for one caller after the other (pool-1), 1 for two processes for ever (pool-8), 2 for
 * two draws and two frees at once (pool-5; pool-m-bound-5 shows that it is not 1).  It does not grow: nobody
 * draws while the commons has a frame, and every later free fills the pool first, so each free lowers it by one,
 * each take from outside too.
 *
 * TRIED AND REJECTED, -DBALANCE: the free looks at `lack` after it has given, the draw looks at the commons and
 * the outer pools after it has listed its empty slot; of two that overlap one sees the other, and moves the
 * outermost frame inwards, with `tentative` raised, for a free frame is hidden in its hand on the way.
 *   - No pool lacks at rest while anything outside it is free (-DNESTED), and -ENOMEM stays truthful (cases
 *     pool-balance-1 .. -8).
 *   - It costs -EAGAIN with frames free (-DAGAIN on 4, pool-balance-again-4): while a mover has the last free
 *     frame in its hand, an order-0 request that tries for long enough has neither a frame nor a proof.  A mover on
 *     another CPU is gone within a few of the rounds; one that this very request interrupted (a signal handler,
 *     an interrupt), or that was put aside or killed there, is not.  That is why it is not in the core.
 *   - Less does not do: it needs both looks (-DFLOOK -DNESTED fails: with the free's alone the trace above stays)
 *     and it needs `tentative` (-DNOTENT, -DDLOOK, -DFANY: -ENOMEM while a frame is free).  A free that takes back
 *     only its own frame needs it as well (-DFLOOK on 4: between look and take-back that frame may have been
 *     allocated and freed by another, whose free has returned).
 *
 * Mutants of what the core does: -DONCE (no second look of a failing request), -DHAVEFIRST (have before the slot
 * is written), -DLACKFIRST (lack before the slot is read), -DANYPOOL (a request draws from any pool).
 */
#ifndef NPOOL
#define NPOOL 1
#endif
#ifndef NSLOT
#define NSLOT 1		/* slots of a pool */
#endif
#ifndef NF
#define NF 2
#endif
#ifndef NPR
#define NPR 2
#endif
#define NONE 255
#define COM NPOOL	/* places: pools 0 .. NPOOL-1, the commons, a hand */
#define HAND 100
#define BITOF(x) (1<<(x))
#define SLOT(p,s) slot[(p)*NSLOT+(s)]

byte com, comv;
byte have[NPOOL], havev[NPOOL], lack[NPOOL], lackv[NPOOL];
byte slot[NPOOL*NSLOT];
byte tent;		/* calls that have a frame in hand which was free and will be again */
byte chg[NPR];		/* roots listed since I looked, a bit a place */
/* ghosts */
byte where[NF], own[NF];	/* own: process + 1 */
byte mine[NPR];		/* the frame that this process is freeing, unless somebody has taken it since */
bit  fre[NF];		/* free: its free has returned, nobody has taken it */
bit  in[NPR], seen[NPR]; byte right[NPR];
byte ended; byte busy;
byte k, j; byte n1, n2;	/* within atomic only */
bit  el;

inline listed(p) { for (k : 0 .. NPR-1) { chg[k] = chg[k] | BITOF(p) }; k=0 }

/* Whoever is in an alloc and finds nothing eligible at this instant may be refused. */
inline note() {
	for (k : 0 .. NPR-1) {
		if :: in[k] ->
			el=0;
			for (j : 0 .. NF-1) { if :: fre[j] && where[j]>=right[k] && where[j]<=COM -> el=1 :: else -> skip fi };
			if :: !el -> seen[k]=1 :: else -> skip fi
		   :: else -> skip fi };
	k=0; j=0; el=0 }

/* pick any member of a set into x */
inline pick(set, lim) {
	x=0;
	do :: (set) & BITOF(x) -> break
	   :: (set) >= BITOF(x+1) -> x++
	od }

inline taken(x_) {	/* free no longer */
	fre[x_]=0;
	for (k : 0 .. NPR-1) { if :: mine[k]==x_ -> mine[k]=NONE :: else -> skip fi }; k=0;
	note() }
inline own_it(x_) {	/* the frame is the caller's */
	assert(own[x_]==0);
	own[x_]=me+1; where[x_]=HAND; taken(x_) }

inline give_com(x_) {
	atomic { com = com | BITOF(x_); where[x_]=COM };
	atomic { if :: com & BITOF(x_) -> comv = comv | BITOF(x_); listed(COM) :: else -> skip fi } }

inline give_have(p,s_) {
	atomic { assert(!(have[p] & BITOF(s_)) && !(lack[p] & BITOF(s_)));
		have[p] = have[p] | BITOF(s_); if :: SLOT(p,s_)!=NONE -> where[SLOT(p,s_)]=p; note() :: else -> skip fi };
	atomic { if :: have[p] & BITOF(s_) -> havev[p] = havev[p] | BITOF(s_); listed(p) :: else -> skip fi } }

inline give_lack(p,s_) {
	atomic { assert(!(lack[p] & BITOF(s_)));
		lack[p] = lack[p] | BITOF(s_) };
	atomic { if :: lack[p] & BITOF(s_) -> lackv[p] = lackv[p] | BITOF(s_) :: else -> skip fi } }

/* put frame x in the innermost pool that lacks, else (pl=COM) the commons */
inline put(x_) {
	pl=NONE;
	do
	:: pl!=NONE -> break
	:: else ->
		atomic {	/* one load of the shared root of all lack trees, and the take below it */
			pl=0;
			do :: pl==NPOOL -> break
			   :: pl<NPOOL && lackv[pl] -> break
			   :: else -> pl++ od;
			if :: pl<NPOOL -> pick(lack[pl],NSLOT); s=x; lack[pl] = lack[pl] & ~BITOF(s); lackv[pl] = lackv[pl] & ~BITOF(s)
			   :: else -> skip fi; x=0 };
		if :: pl<NPOOL ->
#ifdef HAVEFIRST
			give_have(pl,s);
			atomic { SLOT(pl,s)=x_; where[x_]=pl }
#else
			SLOT(pl,s)=x_;
			give_have(pl,s)
#endif
		   :: else -> give_com(x_)
		fi
	od; s=0 }

#define TENT (NPOOL+1)
/* Rejected.  room_balanced(): three loads, one after the other; ok = nothing to do */
inline balanced() {
	ok=0; pl=0;
	atomic { do :: pl==NPOOL -> ok=1; break :: pl<NPOOL && lackv[pl] -> break :: else -> pl++ od };
	if :: !ok && comv==0 ->
		atomic { pl++; do :: pl>=NPOOL -> ok=1; break :: pl<NPOOL && havev[pl] -> break :: else -> pl++ od }
	   :: else -> skip
	fi; pl=0 }
/* Rejected.  room_balance(): the frame that is free furthest out goes to the innermost pool that lacks one.  `where`
 * stays meanwhile: to everybody outside that frame is free. */
inline balance() {
	balanced();
	if
	:: !ok ->
#ifndef NOTENT
		atomic { tent++; listed(TENT) };
#endif
		do
		:: balanced(); if :: ok -> break :: else -> skip fi;
			b=NONE;
			atomic { if :: com -> pick(com,NF); b=x; x=0; com = com & ~BITOF(b); comv = comv & ~BITOF(b) :: else -> skip fi };
			if :: b==NONE ->
				atomic { pl=0; do :: pl==NPOOL -> break :: pl<NPOOL && lackv[pl] -> break :: else -> pl++ od;
					ok=pl; pl=NPOOL; p=NONE;
					do :: pl<=ok+1 -> break
					   :: else -> pl--; if :: havev[pl] -> p=pl; break :: else -> skip fi od;
					if :: p!=NONE -> pick(have[p],NSLOT); s=x; have[p] = have[p] & ~BITOF(s); havev[p] = havev[p] & ~BITOF(s)
					   :: else -> skip fi; pl=0; x=0; ok=0 };
				if :: p!=NONE -> b=SLOT(p,s); give_lack(p,s) :: else -> skip fi; p=0; s=0
			   :: else -> skip fi;
			if :: b!=NONE -> put(b) :: else -> skip fi
		od;
#ifndef NOTENT
		atomic { tent--; listed(TENT) }
#endif
	:: else -> skip
	fi; b=0; ok=0; pl=0 }

inline free_(x_) {
	atomic { assert(own[x_]==me+1); own[x_]=0; where[x_]=HAND; mine[me]=x_; busy++ };
	put(x_);
#if defined(FLOOK) || defined(FANY)
	if :: pl==COM ->
		pl=0; do :: pl==NPOOL -> break :: pl<NPOOL && lackv[pl] -> break :: else -> pl++ od;
		if :: pl<NPOOL ->
			/* the second look: take a frame back and fill with it; `where` stays, as seen from outside */
#ifdef FANY
			atomic { if :: com -> pick(com,NF); y=x; x=0; com = com & ~BITOF(y); comv = comv & ~BITOF(y) :: else -> y=NONE fi };
#else
			atomic { if :: com & BITOF(x_) -> y=x_; com = com & ~BITOF(y); comv = comv & ~BITOF(y) :: else -> y=NONE fi };
#endif
			if :: y!=NONE -> put(y) :: else -> skip fi; y=0
		   :: else -> skip fi
	   :: else -> skip fi;
#endif
#ifdef BALANCE
	balance();
#endif
	atomic { if :: mine[me]==x_ -> fre[x_]=1 :: else -> skip fi; mine[me]=NONE; pl=0; busy-- } }

/* got = the frame, or NONE = -ENOMEM */
inline alloc_(r_) {
	atomic { in[me]=1; seen[me]=0; right[me]=r_; got=200; busy++; note() };
	do
	:: got!=200 -> break
	:: else ->
		atomic {	/* the commons: by hint, or listed, or a truthful none */
			if :: com -> pick(com,NF); got=x; x=0; com = com & ~BITOF(got); comv = comv & ~BITOF(got); own_it(got)
			   :: comv==0 -> chg[me] = chg[me] & ~BITOF(COM); if :: !tent -> chg[me] = chg[me] & ~BITOF(TENT) :: else -> skip fi fi };
		if :: got!=200 -> break :: else -> skip fi;
		atomic {	/* one load of the shared root of all have trees: the outermost that has */
			pl=NPOOL; p=NONE;
#ifdef ANYPOOL
			do :: pl==0 -> break
#else
			do :: pl<=r_ -> break
#endif
			   :: else -> pl--; if :: havev[pl] -> p=pl; break :: else -> chg[me] = chg[me] & ~BITOF(pl) fi od;
			if :: p!=NONE -> pick(have[p],NSLOT); s=x; have[p] = have[p] & ~BITOF(s); havev[p] = havev[p] & ~BITOF(s);
				if :: SLOT(p,s)!=NONE -> taken(SLOT(p,s)) :: else -> skip fi
			   :: else -> skip fi; pl=0; x=0 };
		if
		:: p!=NONE ->
			assert(p>=r_);	/* the right to it */
#ifdef LACKFIRST
			give_lack(p,s);
			atomic { got=SLOT(p,s); assert(got!=NONE && where[got]==p); own_it(got) };
#else
			atomic { got=SLOT(p,s); assert(got!=NONE && where[got]==p); own_it(got) };
			give_lack(p,s);
#endif
#ifdef BALANCE
			balance();
#endif
#ifdef DLOOK
			/* the draw looks at the commons again, and moves a frame inwards */
			atomic { if :: comv -> pick(com,NF); y=x; x=0; com = com & ~BITOF(y); comv = comv & ~BITOF(y) :: else -> y=NONE fi };
			if :: y!=NONE -> put(y) :: else -> skip fi; y=0
#endif
		:: else ->
#ifdef ONCE
			got=NONE
#else
			if :: comv==0 && !(chg[me] & BITOF(COM)) && !tent && !(chg[me] & BITOF(TENT)) ->
				atomic { pl=NPOOL; p=NONE;	/* the second look at the other root */
					do :: pl<=r_ -> got=NONE; break
					   :: else -> pl--; if :: havev[pl] || (chg[me] & BITOF(pl)) -> break :: else -> skip fi od; pl=0 }
#ifdef AGAIN
			   :: tent -> got=NONE	/* -EAGAIN after so many rounds: asserted below as any refusal */
#endif
			   :: else -> skip fi
#endif
		fi; p=0; s=0
	od;
	atomic { if :: got==NONE -> assert(seen[me]) :: else -> skip fi;	/* truthful */
		in[me]=0; seen[me]=0; chg[me]=0; p=0; s=0; pl=0; busy-- } }

#define LOCALS byte got, p, pl, s, x, y, b, ok
#define END atomic { got=0; ended++ }
proctype Free(byte me; byte f)			{ LOCALS; free_(f); END }
proctype Alloc(byte me; byte r)			{ LOCALS; alloc_(r); END }
proctype AllocFree(byte me; byte r)		{ LOCALS; alloc_(r); if :: got!=NONE -> y=got; free_(y) :: else -> skip fi; END }
proctype FreeAlloc(byte me; byte f; byte r)	{ LOCALS; free_(f); alloc_(r); END }
proctype Loop(byte me; byte r)	{ LOCALS; byte h, i;	/* holds up to two frames; frees and allocates at will */
	h=NONE; i=NONE;
	do
	:: h==NONE -> alloc_(r); h=got; got=0
	:: h!=NONE -> free_(h); h=NONE
	:: h!=NONE && i==NONE -> alloc_(r); i=got; got=0
	:: i!=NONE -> free_(i); i=NONE
	od }
proctype Keeper(byte me)	{ LOCALS;	/* a page of the commons, allocated and freed */
	alloc_(NPOOL); if :: got!=NONE -> y=got; free_(y) :: else -> skip fi; END }

inline count(set, n) { n=0; k=0; do :: k==8 -> break :: else -> if :: (set) & BITOF(k) -> n++ :: else -> skip fi; k++ od; k=0 }
/* excess of the innermost pool: min(slots lacking, frames outside) */
inline excess() {	/* into n1 */
	count(lack[0], n1); count(com, n2);
#if NPOOL > 1
	j=n2; count(have[1], n2); n2=n2+j; j=0;
#endif
	if :: n2<n1 -> n1=n2 :: else -> skip fi; n2=0 }
inline rest() {
	atomic {
		assert(comv==com);
		for (j : 0 .. NPOOL-1) { assert(havev[j]==have[j] && lackv[j]==lack[j] && (have[j] ^ lack[j])==BITOF(NSLOT)-1) }; j=0;
#if defined(NESTED)
#define BOUND 0
#endif
#ifdef BOUND
		excess(); assert(n1<=BOUND); n1=0
#endif
	} }
#define FREEAT(f,p_) where[f]=p_; fre[f]=1
#define POOLED(f,p_,s_) SLOT(p_,s_)=f; have[p_] = have[p_] | BITOF(s_); havev[p_]=have[p_]; where[f]=p_; fre[f]=1
#define COMMON(f) com = com | BITOF(f); comv=com; where[f]=COM; fre[f]=1
#define OWNED(f,m) own[f]=(m)+1; where[f]=HAND

#ifdef LOOP	/* whenever nobody is in a call */
proctype Monitor() { do :: atomic { busy==0 -> rest() } od }
#endif

init {
	atomic {
		for (k : 0 .. NPOOL*NSLOT-1) { slot[k]=NONE }; k=0;
		for (k : 0 .. NPR-1) { mine[k]=NONE }; k=0;
#if SC==1	/* one process alone, everything in turn */
		POOLED(0,0,0); COMMON(1);
		run Loop(0,0);
#endif
#if SC==2	/* a draw and a free */
		POOLED(0,0,0); OWNED(1,1);
		run Alloc(0,0); run Free(1,1);
#endif
#if SC==3	/* a draw, a free, and one that must not be refused: four frames, at most three are out */
		POOLED(0,0,0); OWNED(1,1); OWNED(2,2);
		run Alloc(0,0); run Free(1,1); run FreeAlloc(2,2,0);
#if NPR > 3
		run Alloc(3,0);
#endif
#endif
#if SC==4	/* the same frame allocated and freed between look and take-back */
		POOLED(0,0,0); OWNED(1,1);
		run AllocFree(0,0); run Free(1,1); run AllocFree(2,0);
#if NPR > 3
		run Alloc(3,0);
#endif
#endif
#if SC==5	/* two frees, two draws */
		POOLED(0,0,0); POOLED(1,0,1); OWNED(2,2); OWNED(3,3);
		run Alloc(0,0); run Alloc(1,0); run Free(2,2); run Free(3,3);
#endif
#if SC==6	/* two nested pools: one request with a right to both, one to the outer, two frees */
		POOLED(0,0,0); POOLED(1,1,0); OWNED(2,2); OWNED(3,3);
		run Alloc(0,0); run Alloc(1,1); run FreeAlloc(2,2,1); run Free(3,3);
#endif
#if SC==7	/* a request without any right between draws and frees */
		POOLED(0,0,0); OWNED(1,1); OWNED(2,2);
		run AllocFree(0,0); run FreeAlloc(1,1,1); run FreeAlloc(2,2,0);
#endif
#if SC==8	/* churn of all, for ever */
#if NPR > 2
		POOLED(0,0,0); POOLED(1,0,1); COMMON(2);
#if NF > 3
		COMMON(3);
#endif
		run Loop(0,0); run Loop(1,0); run Loop(2,0);
#else
		POOLED(0,0,0); COMMON(1); 
		run Loop(0,0); run Loop(1,0);
#endif
#endif
#if SC==9	/* a deficit, then the keeper */
		lack[0]=1; lackv[0]=1; COMMON(0);
		run Keeper(0);
#endif
	}
#ifdef LOOP
	run Monitor()
#else
	(ended==NPR); rest()
#endif
}
