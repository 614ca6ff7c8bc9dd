// A doubly linked list whose nodes are members of what they link: a node leaves whatever list it is in, without knowing which.
#ifndef JETON_LIST_H
#define JETON_LIST_H

#include <stdbool.h>
#include <stddef.h>

// A list is a node of its own; an empty one, and a node in no list, points at itself.
struct node {
    struct node *previous, *next;
};

#define NODE_OWNER(node, type, member)                                                             \
    ((type *) (void *) ((char *) (node) -offsetof (type, member)))

static inline void
node_init (struct node *node)
{
    node->previous = node->next = node;
}

static inline bool
list_empty (const struct node *list)
{
    return list->next == list;
}

// A list's nodes are freed only after they were removed; the analyzer cannot follow that around the ring.
static inline void
node_remove (struct node *node)
{
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
    node->previous->next = node->next;
    node->next->previous = node->previous;
    node_init (node);
}

static inline void
list_append (struct node *list, struct node *node)
{
    node_remove (node);
    node->previous = list->previous;
    node->next = list;
    list->previous->next = node;
    list->previous = node;
}

// list_move (from, to): All nodes of one list go to the end of another.
static inline void
list_move (struct node *from, struct node *to)
{
    while (!list_empty (from))
        list_append (to, from->next);
}

#endif
