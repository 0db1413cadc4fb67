/* --store redis://...: refused, or every part of it within its bounds. */
#include "fuzz/fuzz.h"
#include "headgate/errors.h"
#include "store/redis_url.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct redis_url url;
    memset(&url, 0x5a, sizeof(url));
    FUZZ_CHECK(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    int status = redis_url_parse(text, &url);
    FUZZ_CHECK(status == 0 || status == HG_E_INVALID);
    if (status == 0) {
        FUZZ_CHECK(memchr(url.user, 0, sizeof(url.user)) != NULL);
        FUZZ_CHECK(memchr(url.pass, 0, sizeof(url.pass)) != NULL);
        FUZZ_CHECK(memchr(url.host, 0, sizeof(url.host)) != NULL && url.host[0] != '\0');
        FUZZ_CHECK(url.port >= 1 && url.port <= 65535);
        FUZZ_CHECK(url.db >= 0 && url.db <= 9999);
    }
    free(text);
    return 0;
}
