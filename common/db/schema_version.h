// The schema that this build of Jeton works with: the number of the newest file in deploy/schema.
#ifndef JETON_SCHEMA_VERSION_H
#define JETON_SCHEMA_VERSION_H

enum { JETON_SCHEMA_VERSION = 33 };

#endif
