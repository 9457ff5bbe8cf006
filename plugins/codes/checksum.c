#include "checksum.h"

uint32_t crc(enum crc polynomial, const uint8_t *bytes, size_t length) {
  uint32_t sum = ~0u;
  for (size_t at = 0; at < length; at++) {
    sum ^= bytes[at];
    for (int bit = 0; bit < 8; bit++) sum = sum & 1 ? sum >> 1 ^ (uint32_t)polynomial : sum >> 1;
  }
  return ~sum;
}

uint32_t adler32(const uint8_t *bytes, size_t length) {
  // The largest prime below 2^16.
  const uint32_t modulus = 65521;
  uint32_t low = 1, high = 0;
  for (size_t at = 0; at < length; at++) {
    low = (low + bytes[at]) % modulus;
    high = (high + low) % modulus;
  }
  return high << 16 | low;
}

uint64_t fnv1a(const uint8_t *bytes, size_t length) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (size_t at = 0; at < length; at++) hash = (hash ^ bytes[at]) * 0x100000001B3u;
  return hash;
}
