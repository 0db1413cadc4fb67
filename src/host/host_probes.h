/* The probes of the policies this controller leads. */
#ifndef HOST_HOST_PROBES_H
#define HOST_HOST_PROBES_H

#include "host/host.h"

/* Starts every probe of the policy in slot `policy`; probes that run already are stopped first. */
void host_probes_start(struct host *host, size_t policy);
void host_probes_stop(struct host *host, size_t policy);
void host_probes_stop_all(struct host *host);

#endif
