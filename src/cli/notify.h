/* Word to the service manager: one datagram to $NOTIFY_SOCKET, as sd_notify(3) says; nothing when it is not
 * set. */
#ifndef CLI_NOTIFY_H
#define CLI_NOTIFY_H

#include <stdint.h>

/* `status` becomes the unit's STATUS; with `wait_us` above 0 the manager's time-out is moved to so long from
 * now, so that an instance that waits for its turn is not killed for it. Failures are silent: nothing depends
 * on it. */
void cli_notify(const char *status, int64_t wait_us);

#endif
