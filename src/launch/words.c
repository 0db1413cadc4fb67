#include "launch/words.h"

#include "headgate/policy.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

char *words_duration(int64_t us, char ret_text[WORDS_MAX])
{
    long long s = (long long)((us + 500000) / 1000000);
    if (us < 0) {
        snprintf(ret_text, WORDS_MAX, "?");
    } else if (us < 9950000) {
        snprintf(ret_text, WORDS_MAX, "%.1f s", (double)us / 1e6);
    } else if (s < 60) {
        snprintf(ret_text, WORDS_MAX, "%lld s", s);
    } else if (s < 3600) {
        snprintf(ret_text, WORDS_MAX, "%lld min %02lld s", s / 60, s % 60);
    } else {
        snprintf(ret_text, WORDS_MAX, "%lld h %02lld min", s / 3600, s % 3600 / 60);
    }
    return ret_text;
}

char *words_count(int64_t count, char ret_text[WORDS_MAX])
{
    char digits[24];
    size_t size = (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)count);
    size_t sign = digits[0] == '-';
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        if (i > sign && (size - i) % 3 == 0) {
            ret_text[used++] = ',';
        }
        ret_text[used++] = digits[i];
    }
    ret_text[used] = '\0';
    return ret_text;
}

char *words_status(int wait_status, char ret_text[WORDS_MAX])
{
    if (WIFSIGNALED(wait_status)) {
        snprintf(ret_text, WORDS_MAX, "signal %d", WTERMSIG(wait_status));
    } else {
        snprintf(ret_text, WORDS_MAX, "exit %d", WEXITSTATUS(wait_status));
    }
    return ret_text;
}

int words_exit_code(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

bool words_instance_ok(const char *name)
{
    size_t size = strlen(name);
    return size > 0 && size <= HG_INSTANCE_MAX && strchr("._:@-", name[0]) == NULL &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@-") == size;
}
