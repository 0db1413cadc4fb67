/* redis://[[user]:pass@]host[:port][/db], with %XX in user and password, [..] around an IPv6 address. */
#ifndef STORE_REDIS_URL_H
#define STORE_REDIS_URL_H

#define REDIS_URL_TEXT_MAX 255

struct redis_url {
    char user[REDIS_URL_TEXT_MAX + 1];
    char pass[REDIS_URL_TEXT_MAX + 1];
    char host[REDIS_URL_TEXT_MAX + 1];
    int port;
    int db;
};

/* HG_E_INVALID for anything else. */
int redis_url_parse(const char *text, struct redis_url *ret_url) __attribute__((warn_unused_result));

#endif
