/*
 * sr_digest.h - a digest of what an edit asks for. With it a token that is used again for another edit is found.
 */
#ifndef SR_DIGEST_H
#define SR_DIGEST_H

#include "edit/sr_edit.h"

/*
 * The digest of an edit that was not planned yet, because a plan writes into the records. It is never 0. Tokens keep it
 * in registry.mdb: another algorithm is another schema.
 */
uint64_t sr_digest(const struct segreg_edit *edit);

#endif
