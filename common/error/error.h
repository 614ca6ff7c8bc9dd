// What went wrong, for a person to act on: what happened, to what, and what to do.
#ifndef JETON_ERROR_H
#define JETON_ERROR_H

// A text that a function fills in when it returns false or NULL. The caller owns the struct, usually on its stack.
struct error {
    char text[512]; // always ends in NUL; cut at a character boundary when too long
};

// error_set (error_r, format, …):
// Format the text. error_r may be NULL, which does nothing. Never put a secret into it.
void error_set (struct error *error_r, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

// error_prefix (error, format, …):
// Put a formatted text and ": " before what is there: for context on the way up.
void error_prefix (struct error *error, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

#endif
