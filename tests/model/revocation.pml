/* How validators stay true: the protocol of services/validator/DESIGN.md ("How a validator stays true"), in every order in which its steps can
 * happen.
 *
 * One token, revoked once. Two writers: the first is known to the validator from the start; the second joins while all runs. The database
 * and the first writer can crash and start again at any moment, the connections between all three can break alone, and every message can be
 * late or lost. The property: no `allow` later than LIMIT after the commit of the revocation.
 *
 * Time passes in ticks, between any two steps. What counts of a moment is how long ago it was, so it is kept as an age, which stops growing
 * where it cannot matter any more. All clocks are monotonic ones of the process that compares them.
 *
 * tests/model/run checks it, and that each deliberate bug is found. They are switched on by -DBUG_…=1:
 *   BUG_NO_STAMPS        facts that were read before a change was heard of are kept after it
 *   BUG_PUBLISH_FIRST    a change is told to validators before it is committed, not after
 *   BUG_UNCERTAIN        a change whose outcome the writer does not know is not told
 *   BUG_UNSURE_FREE      facts are kept of a token of which a writer told that a change's outcome is not known
 *   BUG_GAP              a writer's word counts although something that it told has not arrived
 *   BUG_REFOLLOW         after a lost connection to a writer its word counts before the table was read again
 *   BUG_READ_RECEIPT     a reading of the table is as young as its arrival, not as its sending
 *   BUG_WORD_RECEIPT     so is a writer's word
 *   BUG_NO_ADMISSION     a new writer writes before the others know of it
 *   BUG_ACK_FIRST        a writer notes in the table that it knows of a new one before it tells validators so
 *   BUG_CLAIM            a writer's word has no end
 *   BUG_INSTANCE         a writer's word counts, whichever of its lives it comes from
 *   BUG_TAKEOVER         a writer starts again while statements of its former life still run
 * With -DWITNESS=1 the model must fail: there is a run in which a token is allowed from memory long after the database went down.
 */
#ifndef LIMIT
#define LIMIT 1  /* freshness_limit_ms */
#endif
#ifndef OUTAGE
#define OUTAGE 2 /* outage_limit_ms */
#endif
#ifndef JOINS
#define JOINS 1  /* the second writer */
#endif
#ifndef LOOKUPS
#define LOOKUPS 1
#endif
#ifndef WRITES
#define WRITES 1 /* of the first writer */
#endif
#ifndef RESTARTS
#define RESTARTS 1 /* of the first writer */
#endif
#ifndef WITNESS
#define WITNESS 0
#endif
#ifndef BUG_NO_STAMPS
#define BUG_NO_STAMPS 0
#endif
#ifndef BUG_PUBLISH_FIRST
#define BUG_PUBLISH_FIRST 0
#endif
#ifndef BUG_UNCERTAIN
#define BUG_UNCERTAIN 0
#endif
#ifndef BUG_GAP
#define BUG_GAP 0
#endif
#ifndef BUG_REFOLLOW
#define BUG_REFOLLOW 0
#endif
#ifndef BUG_READ_RECEIPT
#define BUG_READ_RECEIPT 0
#endif
#ifndef BUG_WORD_RECEIPT
#define BUG_WORD_RECEIPT 0
#endif
#ifndef BUG_NO_ADMISSION
#define BUG_NO_ADMISSION 0
#endif
#ifndef BUG_ACK_FIRST
#define BUG_ACK_FIRST 0
#endif
#ifndef BUG_CLAIM
#define BUG_CLAIM 0
#endif
#ifndef BUG_INSTANCE
#define BUG_INSTANCE 0
#endif
#ifndef BUG_UNSURE_FREE
#define BUG_UNSURE_FREE 0
#endif
#ifndef BUG_TAKEOVER
#define BUG_TAKEOVER 0
#endif

/* The database. A statement that is there may be committed at any time while it is up, whatever became of who sent it. */
bool db_up = true, revoked = false;
byte revoked_age = 0, down_age = 0;
byte generation = 1;                       /* the last that was drawn */
byte row_instance = 1, row_known = 1;      /* the first writer's row */
bool row_beat = false;                     /* changes with each renewal */
byte joined = 0;                           /* the second writer's generation; 0: it has no row */

/* The first writer. */
byte w_instance = 1;                       /* 0: it is down */
byte w_lives = 1;
bool w_connected = true;                   /* to the database */
bool w_pending = false;                    /* it waits for the outcome of a revocation */
bool w_sent = false;                       /* which is on its way to the database, or there */
byte w_seq = 0;                            /* messages that it told validators in this life */
bool w_unsure = false;                     /* the first of them was: the outcome is not known, and may still change */
byte w_announced = 1;                      /* the generation that it tells validators that it knows */
byte w_renewed_age = 0;                    /* since it sent the last renewal that succeeded */

/* The second. */
bool j_admitted = false, j_watching = false, j_beat = false;
byte j_watch_age = 0;

/* The validator. */
bool v_cached = true;                      /* the token's facts, from before the revocation, are in memory */
byte v_sure_age = 0;
byte v_generation = 1, v_instance = 1;     /* the table of writers as it was last read */
byte v_follows = 1;                        /* the instance that it follows; 0: none */
byte v_heard = 0;                          /* the messages of that instance that have come; the others are on their way */
bool v_blocked = false;                    /* that instance is not sure about the token: nothing of it is kept */
bool v_read_since = true;                  /* the table was read, all of it since it began to follow */
/* Answers on their way to it: what the table was, the token, what the writer said. A validator counts their age from when it asked; here it
 * counts from when they were true, which makes them younger: what holds here holds there. */
bool r_flight = false, r_found = false, r_follows = false;
byte r_age = 0, r_instance = 0, r_generation = 0;
bool l_flight = false, l_active = false, l_crossed = false;
byte l_age = 0;
bool q_flight = false;
byte q_age = 0, q_instance = 0, q_known = 0;
byte q_seq = 0;
bool q_down = false;

#define OLDER(age, bound) age = (age > bound -> age : age + 1)
#define ALLOW_FROM_MEMORY assert (WITNESS -> (db_up || down_age <= 2 * LIMIT) : (!revoked || revoked_age <= LIMIT))
#define ALLOW_FROM_LOOKUP assert (WITNESS || !revoked || revoked_age <= LIMIT)

proctype clock () {
    do
    :: atomic {
           if :: revoked -> OLDER (revoked_age, LIMIT) :: else fi;
           if :: WITNESS && !db_up -> OLDER (down_age, 2 * LIMIT) :: else fi;
           OLDER (v_sure_age, LIMIT);
           if :: r_flight -> OLDER (r_age, LIMIT) :: else fi;
           if :: l_flight -> OLDER (l_age, LIMIT) :: else fi;
           if :: q_flight -> OLDER (q_age, LIMIT) :: else fi;
           if :: JOINS && w_instance != 0 -> OLDER (w_renewed_age, OUTAGE) :: else fi;
           if :: j_watching -> OLDER (j_watch_age, OUTAGE) :: else fi
       }
    od
}

inline commit () { revoked = true; w_sent = false }

proctype database () {
    do
    :: atomic { db_up && w_sent && !revoked -> commit () }
    :: atomic { db_up -> db_up = false; w_sent = false; down_age = 0 }
    :: atomic { !db_up -> db_up = true; down_age = 0 }
    od
}

#define TELL w_seq++

inline lose_connection () {
    w_connected = false;
    if
    :: w_pending -> w_pending = false; if :: !BUG_UNCERTAIN && !BUG_PUBLISH_FIRST -> TELL; w_unsure = true :: else fi
    :: else
    fi
}

proctype writer () {
    do
    /* A revocation, one at most; its answer; the connection breaks, for both ends or only for the writer, while the statement runs on. */
    :: atomic { WRITES && w_instance != 0 && w_connected && w_renewed_age < OUTAGE && !w_pending && !w_sent && w_seq == 0 && !revoked ->
                w_pending = true; w_sent = true; if :: BUG_PUBLISH_FIRST -> TELL :: else fi }
    :: atomic { w_pending && w_connected && revoked -> w_pending = false; if :: !BUG_PUBLISH_FIRST -> TELL :: else fi }
    :: atomic { w_instance != 0 && w_connected -> lose_connection () }
    :: atomic { w_instance != 0 && !w_connected && db_up -> w_connected = true }
    /* It ends the sessions that it had before: what was not committed by then never will be. */
    :: atomic { w_unsure && w_connected && db_up -> w_sent = false; w_unsure = false; TELL }
    /* A renewal: one statement that writes what the writer already announces and reads what there is. Its answer arrives or not. */
    :: atomic { JOINS && w_instance != 0 && w_connected && db_up ->
                row_known = (BUG_ACK_FIRST -> generation : w_announced);
                row_beat = !row_beat;
                if :: w_announced = generation; w_renewed_age = 0 :: lose_connection () fi }
    /* Killed; started again as another instance, which ends the sessions of the former one. */
    :: atomic { w_instance != 0 && w_lives <= RESTARTS ->
                w_lives++; w_instance = 0; w_connected = false; w_pending = false; w_seq = 0; w_unsure = false; w_renewed_age = 0 }
    :: atomic { w_instance == 0 && db_up ->
                generation++; w_instance = w_lives; w_connected = true; w_announced = generation;
                row_instance = w_instance; row_known = generation; row_beat = !row_beat;
                w_sent = (BUG_TAKEOVER -> w_sent : false) }
    od
}

/* What it tells never reaches the validator, which does not know it. The first writer's row is all that it goes by. */
proctype joining () {
    do
    :: atomic { JOINS && db_up && joined == 0 -> generation++; joined = generation }
    :: atomic { db_up && joined != 0 && !j_admitted && (BUG_NO_ADMISSION || row_known >= joined) -> j_admitted = true; j_watching = false }
    :: atomic { db_up && joined != 0 && !j_admitted && (!j_watching || j_beat != row_beat) -> j_watching = true; j_beat = row_beat; j_watch_age = 0 }
    :: atomic { db_up && j_watching && j_beat == row_beat && j_watch_age > OUTAGE -> j_admitted = true; j_watching = false }
    :: atomic { db_up && j_admitted && !revoked -> commit () }
    od
}

inline hear () { v_cached = false; l_crossed = l_flight }
/* The first message tells of the revocation; a second one, that it is sure now. */
inline take_message () { v_blocked = (v_heard == 0 && (w_unsure || w_seq == 2) && !BUG_UNSURE_FREE); v_heard++; hear () }
inline reading_ends () { r_flight = false; r_age = 0; r_instance = 0; r_generation = 0; r_found = false; r_follows = false }
inline lookup_ends () { l_flight = false; l_age = 0; l_active = false; l_crossed = false }
inline question_ends () { q_flight = false; q_age = 0; q_instance = 0; q_known = 0; q_seq = 0; q_down = false }
inline sure (age, by_receipt) {
    if :: by_receipt -> v_sure_age = 0 :: !by_receipt && age < v_sure_age -> v_sure_age = age :: else fi
}

/* Its word would be needed too, and never comes. */
#define KNOWS_SECOND (joined != 0 && v_generation >= joined)

proctype validator () {
    do
    /* The table is read. */
    :: atomic { !r_flight && db_up -> r_flight = true; r_follows = (v_follows != 0); r_found = revoked; r_instance = row_instance; r_generation = generation }
    :: atomic { r_flight ->
                if :: r_found -> hear () :: else fi;
                sure (r_age, BUG_READ_RECEIPT);
                v_instance = r_instance; v_generation = r_generation;
                v_read_since = (v_read_since || r_follows);
                reading_ends () }
    :: atomic { r_flight -> reading_ends () }
    /* A writer is followed. */
    :: atomic { v_follows != 0 && v_follows == w_instance && v_heard < w_seq -> take_message () }
    :: atomic { v_follows != 0 -> v_follows = 0; v_heard = 0; v_read_since = false; r_follows = false }
    :: atomic { v_follows == 0 && w_instance != 0 -> v_follows = w_instance; v_heard = w_seq; v_read_since = BUG_REFOLLOW;
                if :: v_blocked || w_unsure -> hear () :: else fi; v_blocked = w_unsure }
    /* A writer is asked whether it has lost the database as well. */
    :: atomic { !q_flight && w_instance != 0 ->
                q_flight = true; q_instance = w_instance; q_known = w_announced; q_seq = w_seq;
                q_down = (!w_connected && (BUG_CLAIM || w_renewed_age <= OUTAGE)) }
    :: atomic { q_flight ->
                if
                :: q_down && v_follows != 0 && v_read_since && q_known <= v_generation && !KNOWS_SECOND && (BUG_GAP || q_seq == v_heard) &&
                   (BUG_INSTANCE || (q_instance == v_instance && q_instance == v_follows)) -> sure (q_age, BUG_WORD_RECEIPT)
                :: else
                fi;
                question_ends () }
    :: atomic { q_flight -> question_ends () }
    /* The token is looked up. The answer decides, and is kept. */
    :: atomic { LOOKUPS && !l_flight && db_up -> l_flight = true; l_active = !revoked }
    :: atomic { l_flight ->
                if :: l_active && l_age <= LIMIT -> ALLOW_FROM_LOOKUP :: else fi;
                if :: l_active && (BUG_NO_STAMPS || !l_crossed) && !v_blocked -> v_cached = true :: else fi;
                lookup_ends () }
    :: atomic { l_flight -> lookup_ends () }
    /* The token is found in memory. */
    :: atomic { v_cached && v_sure_age <= LIMIT -> ALLOW_FROM_MEMORY }
    od
}

init { atomic { run clock (); run database (); run writer (); run joining (); run validator () } }
