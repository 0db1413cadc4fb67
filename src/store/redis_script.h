/* The store's script: src/store/lua/, concatenated at build time. */
#ifndef STORE_REDIS_SCRIPT_H
#define STORE_REDIS_SCRIPT_H

#include <stddef.h>

extern const char redis_script[];
extern const size_t redis_script_size;

#endif
