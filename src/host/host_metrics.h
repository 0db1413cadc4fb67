#ifndef HOST_HOST_METRICS_H
#define HOST_HOST_METRICS_H

#include <stddef.h>

/* The body of /metrics, to be freed; `user_data` is the host. HG_E_NOMEM. */
int host_metrics(void *user_data, char **ret_text, size_t *ret_size);

#endif
