// Display ids: TKN-dddd-dddd and AUD-dddd-dddd-dddd-dddd.
//
// Each object has a number, from a sequence of its table. Its id shows that number after a fixed permutation of the numbers
// 0 … 99,999,999, so that ids are unique without a look-up, and do not tell how many there are or which came next. The
// permutation is public: an id is a name, not a secret. Numbers of 100,000,000 and more cannot be shown: a table holds fewer.
// Audit records show their sequence number as it is.
#ifndef JETON_TOKEN_ID_H
#define JETON_TOKEN_ID_H

#include <stdbool.h>
#include <stdint.h>

enum { ID_SIZE = 14, ID_AUDIT_SIZE = 24, ID_NUMBER_MAX = 99999999 }; // sizes with NUL
#define ID_AUDIT_MAX INT64_C (9999999999999999)

// id_format (prefix, number, id_r): prefix is three letters ("TKN"). number is 1 … ID_NUMBER_MAX (asserted).
void id_format (const char *prefix, int64_t number, char id_r[ID_SIZE]);
// id_parse (prefix, text, number_r): False when it is not exactly of the form, with this prefix.
bool id_parse (const char *prefix, const char *text, int64_t *number_r)
    __attribute__ ((warn_unused_result));

// id_audit_format (sequence, id_r), id_audit_parse (text, sequence_r): AUD-…; sequence is 1 … ID_AUDIT_MAX (asserted).
void id_audit_format (int64_t sequence, char id_r[ID_AUDIT_SIZE]);
bool id_audit_parse (const char *text, int64_t *sequence_r) __attribute__ ((warn_unused_result));

#endif
