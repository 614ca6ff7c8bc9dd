// Notices of tokens that expire (R9): 30, 7 and 1 days ahead, each once, whatever number of admin processes look for them. DESIGN.md tells the whole.
#ifndef JETON_ADMIN_NOTICE_H
#define JETON_ADMIN_NOTICE_H

struct admin;

#define NOTICE_EVENT "platform.tokens.token.expiring"

// notice_start (admin): Look for what is due now, and every `notice_interval_s` from then on: `notice_batch` tokens in one transaction, batch
// after batch until nothing is due. notice_stop (admin): No more of it; before process_end. Idempotent.
void notice_start (struct admin *admin);
void notice_stop (struct admin *admin);

#endif
