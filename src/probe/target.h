/* Where a probe goes: host and port out of "host:port" or a URL. */
#ifndef PROBE_TARGET_H
#define PROBE_TARGET_H

#include <stdbool.h>

#define TARGET_HOST_MAX   253 /* the longest DNS name */
#define TARGET_SECRET_MAX 255

struct target {
    char host[TARGET_HOST_MAX + 1]; /* without the brackets of an IPv6 literal */
    int port;
    bool literal; /* host is an address */
    char user[TARGET_SECRET_MAX + 1];
    char password[TARGET_SECRET_MAX + 1];
    int database; /* redis: 0 if not given */
};

/* "host:port" or "[ipv6]:port". HG_E_INVALID for anything else. */
int target_parse_address(struct target *ret_target, const char *text) __attribute__((warn_unused_result));

/* An http, https or redis URL. HG_E_INVALID, HG_E_NOMEM. */
int target_parse_url(struct target *ret_target, const char *url) __attribute__((warn_unused_result));

#endif
