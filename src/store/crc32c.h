/* CRC-32C (Castagnoli), the checksum of the journal's records (RFC 3720, appendix B.4 has its test vectors). */
#ifndef STORE_CRC32C_H
#define STORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of `size` bytes that follow those `crc` is of; 0 to begin with. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);

#endif
