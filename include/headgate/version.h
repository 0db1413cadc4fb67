/* The library's version, at build time and at run time. */
#ifndef HEADGATE_VERSION_H
#define HEADGATE_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

#define HG_VERSION_MAJOR 0
#define HG_VERSION_MINOR 1
#define HG_VERSION_PATCH 0
#define HG_VERSION "0.1.0"

/* Version of the library linked at run time, "MAJOR.MINOR.PATCH"; static storage. */
const char *hg_version(void);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
