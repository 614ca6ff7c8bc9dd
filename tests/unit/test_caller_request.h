// A request as common/caller sees it. Included once by a test's only source file.
#ifndef JETON_TEST_CALLER_REQUEST_H
#define JETON_TEST_CALLER_REQUEST_H

#include "common/caller/caller.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct request {
    struct arena *arena;
    struct peer peer;
    const char *method, *authorization;
    const void *message;
    unsigned flags;
    const struct caller *caller;
    int ends; // answered or passed on: must end up as 1
    int code; // -1: passed on
    char text[256];
};

const void *
request_message (const struct request *request)
{
    return request->message;
}

struct arena *
request_arena (struct request *request)
{
    return request->arena;
}

const struct peer *
request_peer (const struct request *request)
{
    return &request->peer;
}

const char *
request_method (const struct request *request)
{
    return request->method;
}

const char *
request_metadata (const struct request *request, const char *key)
{
    return strcmp (key, "authorization") == 0 ? request->authorization : NULL;
}

unsigned
request_flags (const struct request *request)
{
    return request->flags;
}

const struct caller *
request_caller (const struct request *request)
{
    return request->caller;
}

void
request_caller_set (struct request *request, const struct caller *caller)
{
    request->caller = caller;
}

void
request_fail (struct request *request, int code, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (request->text, sizeof request->text, format, arguments);
    va_end (arguments);
    request->code = code;
    request->ends++;
}

static void
pass_on (struct request *request)
{
    request->code = -1;
    request->ends++;
}

#endif
