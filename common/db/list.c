// Lists of calls.
#include "common/db/internal.h"

void
db_list_append (struct call_list *list, struct call *call)
{
    call->next = NULL;
    if (list->last)
        list->last->next = call;
    else
        list->first = call;
    list->last = call;
}

void
db_list_prepend (struct call_list *list, struct call *call)
{
    call->next = list->first;
    list->first = call;
    if (!list->last)
        list->last = call;
}

struct call *
db_list_take (struct call_list *list)
{
    struct call *call = list->first;
    if (call) {
        list->first = call->next;
        if (!list->first)
            list->last = NULL;
        call->next = NULL;
    }
    return call;
}
