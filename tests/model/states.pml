/* States that change without a query: how validators refuse at once what a writer says is refused. services/validator/DESIGN.md is the argument;
 * tests/model/run runs this.
 *
 * One token, which two writers disable and enable in turn. Each change raises its revision, and its row in the table of changes is committed with it. Each writer tells of its
 * own changes in their order; of two, either can be late, and what one tells may be lost (its validator reads the table then). A change that refuses names revision and state, in the feed, and in the
 * table while no later one is there.
 *
 * The validator keeps one entry (revision, state, stamp of when it was asked for), and the token's slot: a counter that rises with each change that is heard. What it was
 * told last of a state it keeps apart: the revision, and the slot before and after. Where the slot tells that the entry is outdated, and only by that one change, and the
 * entry is of the revision before, the entry becomes what was told.
 *
 * Time passes as in revocation.pml: a tick may come at any moment. */

#ifndef LIMIT
#define LIMIT 1 /* freshness_limit_ms */
#endif
#ifndef CHANGES
#define CHANGES 2
#endif
#ifndef WITNESS
#define WITNESS 0
#endif
#ifndef BUG_NO_REVISION
#define BUG_NO_REVISION 0
#endif
#ifndef BUG_NO_ORDER
#define BUG_NO_ORDER 0
#endif

#define LAST (CHANGES + 1)

/* The database: of each revision whether the token may be used, and how long ago the next one was committed. */
byte revision = 1;
bool good[LAST + 1];
byte past[LAST + 1];
bool teller[LAST + 1]; /* by whom */

/* How much each writer has told, up to which revision; and how much of it has come. */
byte told[2], came[2];

/* The validator. */
byte v_sure_age = 0;
byte v_read = 1;                              /* the table was read up to this revision */
byte slot = 0;
bool e_kept = true, e_active = true;
byte e_revision = 1, e_stamp = 0;
bool s_kept = false;                          /* the state that was told last, always a refusal */
byte s_revision = 0, s_before = 0, s_after = 0;
bool r_flight = false;
byte r_age = 0, r_revision = 0;
bool l_flight = false, l_active = false;
byte l_revision = 0, l_stamp = 0, l_age = 0;
bool asked = false;                           /* a lookup was sent since the first change */

#define OLDER(age) age = (age > LIMIT -> age : age + 1)

proctype clock () {
    byte i;
    do
    :: atomic {
           OLDER (v_sure_age);
           if :: r_flight -> OLDER (r_age) :: else fi;
           if :: l_flight -> OLDER (l_age) :: else fi;
           i = 1;
           do
           :: i < revision -> OLDER (past[i]); i++
           :: else -> break
           od;
           i = 0
       }
    od
}

/* Which one commits a change is what the row's lock decides; nobody else's is in between. */
proctype writer (bool me) {
    byte i;
    do
    :: atomic { revision < LAST ->
                revision++; good[revision] = !good[revision - 1]; teller[revision] = me }
    /* The next of its own changes goes out, whenever it comes to that. */
    :: atomic { told[me] < revision ->
                i = told[me] + 1;
                do
                :: i < revision && teller[i] != me -> i++
                :: else -> break
                od;
                told[me] = i; i = 0 }
    od
}

/* A change is heard. `refuses`: it names revision and state. */
inline hear (number, refuses) {
    if
    :: refuses && s_kept && s_revision == number && s_after == slot -> s_after = slot + 1 /* again, with nothing in between */
    :: refuses && !(s_kept && s_revision == number && s_after == slot) ->
       s_kept = true; s_revision = number; s_before = slot; s_after = slot + 1
    :: else
    fi;
    slot++
}

/* Is the entry good, or does it become what was told? */
inline look () {
    if
    :: e_kept && e_stamp < slot ->
       if
       :: s_kept && s_after == slot && (BUG_NO_ORDER || s_before <= e_stamp) &&
          (BUG_NO_REVISION || e_revision == s_revision || (e_revision + 1 == s_revision && e_active)) ->
          e_active = false; e_revision = s_revision; e_stamp = s_after
       :: else -> e_kept = false; e_active = false; e_revision = 0; e_stamp = 0
       fi
    :: else
    fi
}

/* Was it so at most LIMIT ago? */
inline true_lately (state) {
    byte k = 1; bool was = false;
    k = 1; was = false;
    do
    :: k <= revision -> was = was || (good[k] == state && (k == revision || past[k] <= LIMIT)); k++
    :: else -> break
    od;
    assert (was);
    k = 1; was = false
}

proctype validator () {
    byte i;
    do
    /* The feeds. */
    :: atomic { came[0] < told[0] -> came[0]++; if :: teller[came[0]] == 0 && came[0] > 1 -> hear (came[0], !good[came[0]]) :: else fi }
    :: atomic { came[1] < told[1] -> came[1]++; if :: teller[came[1]] == 1 && came[1] > 1 -> hear (came[1], !good[came[1]]) :: else fi }
    :: atomic { came[0] < told[0] -> came[0] = told[0] } /* lost */
    :: atomic { came[1] < told[1] -> came[1] = told[1] }
    /* The table. */
    :: atomic { !r_flight -> r_flight = true; r_revision = revision }
    :: atomic { r_flight ->
                do
                :: v_read < r_revision -> v_read++; hear (v_read, v_read == r_revision && !good[v_read])
                :: else -> break
                od;
                if :: r_age < v_sure_age -> v_sure_age = r_age :: else fi;
                r_flight = false; r_age = 0; r_revision = 0 }
    /* A lookup. */
    :: atomic { !l_flight -> l_flight = true; l_revision = revision; l_active = good[revision]; l_stamp = slot; asked = asked || revision > 1 }
    :: atomic { l_flight ->
                if :: l_stamp == slot -> e_kept = true; e_active = l_active; e_revision = l_revision; e_stamp = l_stamp :: else fi;
                l_flight = false; l_active = false; l_revision = 0; l_stamp = 0; l_age = 0 }
    /* The token is used. */
    :: atomic { e_kept && v_sure_age <= LIMIT ->
                look ();
                if
                :: WITNESS && e_kept -> assert (e_active || asked)
                :: !WITNESS && e_kept -> true_lately (e_active)
                :: else
                fi }
    od
}

init { atomic { good[1] = true; came[0] = 1; came[1] = 1; told[0] = 1; told[1] = 1;
                run clock (); run writer (0); run writer (1); run validator () } }
