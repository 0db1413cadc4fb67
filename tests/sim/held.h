/* Counts what one part of the program holds of the heap: what is allocated between enter and leave, less what is
 * freed there. Linked with --wrap for malloc and its kin; see meson.build. */
#ifndef TESTS_HELD_H
#define TESTS_HELD_H

#include <stdint.h>

void held_enter(void);
void held_leave(void);
int64_t held_bytes(void);
void held_reset(void);

/* From now on every `every`th allocation inside fails; 0: none does. */
void held_fail(unsigned every);

#endif
