#include "headgate/errors.h"
#include "headgate/version.h"

struct error_row {
    int number;
    const char *name;
    const char *text;
    int http_status;
    int exit_code;
};

static const struct error_row rows[] = {
#define ERROR_ROW(name, number, text, http_status, exit_code) {number, #name, text, http_status, exit_code},
    HG_ERRORS(ERROR_ROW)
#undef ERROR_ROW
};

static const struct error_row *find_row(int error)
{
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].number == -error) {
            return &rows[i];
        }
    }
    return 0;
}

const char *hg_strerror(int error)
{
    const struct error_row *row = find_row(error);
    return error == 0 ? "no error" : row ? row->text : "unknown error";
}

const char *hg_error_name(int error)
{
    const struct error_row *row = find_row(error);
    return error == 0 ? "OK" : row ? row->name : "UNKNOWN";
}

int hg_error_http_status(int error)
{
    const struct error_row *row = find_row(error);
    return error == 0 ? 200 : row ? row->http_status : 500;
}

int hg_error_exit_code(int error)
{
    const struct error_row *row = find_row(error);
    return error == 0 ? 0 : row ? row->exit_code : 70;
}

const char *hg_version(void)
{
    return HG_VERSION;
}
