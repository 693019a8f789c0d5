/* A client's contract (core/contract.c, core/client.c): a pool of its own, and a charge.
 *
 * `have` and `lack` are the pool's two trees as in pool.pml: atomic sets with the truthful none of tree.pml; a give is two
 * steps, bit and listing, and a root is empty where nothing is listed.  A slot is absent (NONE written in it), in have, in lack,
 * or in a hand.
 *   alloc  = charge + 1, then a slot of have: its frame; the slot to lack.  have empty: the commons.  None: charge - 1
 *   free   = own the frame no more, then a slot of lack: the frame into it, the slot to have.  lack empty: the
 *            commons.  Then charge - 1
 *   enlarge (one at a time) = a frame of the commons into an absent slot, the slot to have, then the guarantee + 1
 *   shrink  = the guarantee - 1, then a slot of lack, else of have, is made absent, its frame goes to the commons; where
 *            both are empty (every slot is in a hand): the guarantee + 1 again, and "try again"
 *   hand over (to another client) = first a frame that the other could have, then the page's owner changes, then
 *            the first frame goes where a free of the giver's would put it, then charge - 1
 *   close  = at charge 0 only, in one step with the mark that lets nobody in
 *
 * Checked: whoever finds have empty does so at an instant at which charge > guarantee, the asking call included.
 * (So within the contract nobody is refused, nor has to try again but for another caller's step.)  No frame twice;
 * at the close every slot that is not absent is in have.
 *
 * Why it holds: let D be the slots that are not in have, C the charge without calls that have not drawn yet.  D <= C: a draw
 * adds to both, a fill takes from D before its free takes from C, and a free that finds lack empty finds every slot
 * of D in a hand, each of another charged call.  The admin's hand holds one slot more than D counts, but the guarantee was lowered before.
 *
 * Mutants: -DCHARGELATE (the charge after the draw), -DUNCHARGEFIRST (free: charge - 1 before the frame is put),
 * -DCOMMONSFIRST (free: to the commons without a look at lack), -DUNPAID (hand over without a frame in return),
 * -DEARLY (enlarge: the guarantee first), -DLATE (shrink: the guarantee last), -DHAVEFIRST (have before the slot is written),
 * -DCLOSELOOK (close: look at the charge, then mark).
 */
#ifndef NPR
#define NPR 2
#endif
#ifndef NF
#define NF 3
#endif
#ifndef NS
#define NS 1
#endif
#ifndef G0
#define G0 1
#endif
#ifndef HOLD
#define HOLD 2
#endif
#define NONE 255
#define BITOF(x) (1<<(x))

byte com, have, havev, lack, lackv;
byte slot[NS];
byte own[NF];	/* ghost: 0 nobody, 1 the client, 2 another */
byte charge, guarantee;
bit closed, done;

inline pick(set) { x=0; do :: (set) & BITOF(x) -> break :: !((set) & BITOF(x)) -> x++ od }
inline give_have(s_) {
	atomic { assert(!((have|lack) & BITOF(s_))); have = have | BITOF(s_) };
	atomic { if :: have & BITOF(s_) -> havev = havev | BITOF(s_) :: else -> skip fi } }
inline give_lack(s_) {
	atomic { assert(!((have|lack) & BITOF(s_))); lack = lack | BITOF(s_) };
	atomic { if :: lack & BITOF(s_) -> lackv = lackv | BITOF(s_) :: else -> skip fi } }

/* f = a frame, or NONE */
inline draw() {
	atomic {	/* the load of the root, and the take below it */
		if :: havev -> pick(havev); s=x; have = have & ~BITOF(s); havev = havev & ~BITOF(s)
		   :: else -> s=NONE; assert(charge > guarantee) fi; x=0 };
	if :: s!=NONE ->
		atomic { f=slot[s]; assert(f!=NONE); assert(own[f]==0); own[f]=1 };
		give_lack(s)
	   :: else -> f=NONE fi; s=0 }
inline alloc_() {
#ifndef CHARGELATE
	atomic { if :: closed -> f=NONE :: else -> charge++; f=0 fi };
	if :: f!=NONE ->
#endif
		draw();
		if :: f==NONE -> atomic { if :: com -> pick(com); f=x; x=0; com = com & ~BITOF(f); assert(own[f]==0); own[f]=1 :: else -> skip fi } :: else -> skip fi;
#ifdef CHARGELATE
		if :: f!=NONE -> charge++ :: else -> skip fi
#else
		if :: f==NONE -> charge-- :: else -> skip fi
	   :: else -> skip fi
#endif
	}
/* a frame that is nobody's: where a free puts it */
inline put(f_) {
#ifndef COMMONSFIRST
	atomic { if :: lackv -> pick(lackv); s=x; lack = lack & ~BITOF(s); lackv = lackv & ~BITOF(s) :: else -> s=NONE fi; x=0 };
	if :: s!=NONE ->
#ifdef HAVEFIRST
		give_have(s); slot[s]=f_
#else
		slot[s]=f_; give_have(s)
#endif
	   :: else -> com = com | BITOF(f_) fi;
#else
	com = com | BITOF(f_);
#endif
	s=0 }
inline free_(f_) {
	atomic { assert(own[f_]==1); own[f_]=0 };
#ifdef UNCHARGEFIRST
	charge--; put(f_)
#else
	put(f_); charge--
#endif
	}
inline hand_over(f_) {
#ifndef UNPAID
	atomic { if :: com -> pick(com); q=x; x=0; com = com & ~BITOF(q); assert(own[q]==0); own[q]=2 :: else -> q=NONE fi };
#else
	q=0;
#endif
	if :: q!=NONE ->
		atomic { assert(own[f_]==1); own[f_]=2 };
#ifndef UNPAID
		own[q]=0; put(q);
#endif
		charge--;
		/* the other frees it */
		atomic { own[f_]=0; com = com | BITOF(f_) };
		f_=NONE
	   :: else -> skip fi; q=0 }

/* For ever: holds up to HOLD frames. */
proctype Caller() { byte f, s, x, q, a, b; a=NONE; b=NONE; f=0;
end:	do
	:: a==NONE && !done -> alloc_(); a=f; f=0
	:: a!=NONE -> free_(a); a=NONE
#if HOLD > 1
	:: a!=NONE && b==NONE && !done -> alloc_(); b=f; f=0
	:: b!=NONE -> free_(b); b=NONE
#endif
#ifdef HANDOVER
	:: a!=NONE -> hand_over(a)
#endif
	od }

proctype Admin() { byte f, s, x, q;
end:	do
	:: guarantee < NS ->
#ifdef EARLY
		guarantee++;
#endif
		atomic { if :: com -> pick(com); f=x; x=0; com = com & ~BITOF(f) :: else -> f=NONE fi };
		if :: f!=NONE ->
			s=0; do :: slot[s]==NONE -> break :: slot[s]!=NONE -> s++ od;
			slot[s]=f; give_have(s);
#ifndef EARLY
			guarantee++
#endif
		   :: else ->
#ifdef EARLY
			guarantee--
#else
			skip
#endif
		fi; f=0; s=0
	:: guarantee > 0 ->
#ifndef LATE
		guarantee--;
#endif
		atomic { if :: lackv -> pick(lackv); s=x; lack = lack & ~BITOF(s); lackv = lackv & ~BITOF(s); f=NONE
			    :: !lackv -> s=NONE fi; x=0 };
		if :: s==NONE -> atomic { if :: havev -> pick(havev); s=x; have = have & ~BITOF(s); havev = havev & ~BITOF(s); f=slot[s]
			    :: else -> s=NONE fi; x=0 } :: else -> skip fi;
		if :: s!=NONE ->
			slot[s]=NONE;
			if :: f!=NONE -> com = com | BITOF(f) :: else -> skip fi;
#ifdef LATE
			guarantee--
#endif
		   :: else ->
#ifndef LATE
			guarantee++
#else
			skip
#endif
		fi; f=0; s=0
	od }

inline in_play() { q=0; s=0; do :: s==NS -> break :: s<NS -> if :: slot[s]!=NONE -> q = q | BITOF(s) :: else -> skip fi; s++ od; s=0 }
proctype Closer() { byte s, q;
	atomic { in_play() };
#ifdef CLOSELOOK
	charge==0;
	closed=1;
	atomic { assert(have==q && havev==q && lack==0); done=1 }
#else
	atomic { charge==0 -> closed=1; assert(have==q && havev==q && lack==0); done=1 }
#endif
	}

init { atomic {
	byte i;
	for (i : 0 .. NS-1) { if :: i<G0 -> slot[i]=i; have = have | BITOF(i) :: else -> slot[i]=NONE fi };
	havev=have; guarantee=G0;
	for (i : G0 .. NF-1) { com = com | BITOF(i) };
	for (i : 1 .. NPR) { run Caller() }; i=0;
#ifdef ADMIN
	run Admin();
#endif
#ifdef CLOSE
	run Closer();
#endif
	} }
