// What Stats shows of every process.
#ifndef JETON_PROCESS_STATS_H
#define JETON_PROCESS_STATS_H

#include "common/process/process.h"

// process_stats (process): Show what the system says of it; once its server is there. process_stats_database (process): And its database.
void process_stats (struct process *process);
void process_stats_database (struct process *process);

#endif
