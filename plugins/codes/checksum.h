// Checksums of bytes.

#ifndef HYFUNC_CHECKSUM_H
#define HYFUNC_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

// The polynomials of two CRCs of 32 bits, reflected.
enum crc { CRC_ZIP = (int)0xEDB88320u, CRC_CASTAGNOLI = (int)0x82F63B78u };

uint32_t crc(enum crc polynomial, const uint8_t *bytes, size_t length);
uint32_t adler32(const uint8_t *bytes, size_t length);
uint64_t fnv1a(const uint8_t *bytes, size_t length);

#endif
