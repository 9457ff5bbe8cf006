// What the functions of wit/world.wit do. The logic is in digits.c and checksum.c.

#include <inttypes.h>
#include <stdio.h>

// Generated from wit/world.wit by wit-bindgen; build/plugin.h lists what is to be written here.
#include "plugin.h"

#include "checksum.h"
#include "digits.h"

void exports_hyfunc_codes_codes_checksum(
    plugin_string_t *text,
    exports_hyfunc_codes_codes_algorithm_t *maybe_algorithm,
    plugin_string_t *ret) {
  char hex[17];
  switch (maybe_algorithm ? *maybe_algorithm : EXPORTS_HYFUNC_CODES_CODES_ALGORITHM_CRC32) {
    case EXPORTS_HYFUNC_CODES_CODES_ALGORITHM_CRC32C:
      snprintf(hex, sizeof hex, "%08" PRIx32, crc(CRC_CASTAGNOLI, text->ptr, text->len));
      break;
    case EXPORTS_HYFUNC_CODES_CODES_ALGORITHM_ADLER32:
      snprintf(hex, sizeof hex, "%08" PRIx32, adler32(text->ptr, text->len));
      break;
    case EXPORTS_HYFUNC_CODES_CODES_ALGORITHM_FNV1A:
      snprintf(hex, sizeof hex, "%016" PRIx64, fnv1a(text->ptr, text->len));
      break;
    default:
      snprintf(hex, sizeof hex, "%08" PRIx32, crc(CRC_ZIP, text->ptr, text->len));
  }
  // Arguments are ours to free; what is returned must be from `malloc`, as `dup` has it.
  plugin_string_free(text);
  plugin_string_dup(ret, hex);
}

typedef const char *read_code(const char *text, size_t length, struct code *code);

// True for `ok`, false for `err`, as the functions of the world return it.
static bool check(
    read_code *read,
    plugin_string_t *text,
    exports_hyfunc_codes_codes_verdict_t *ret,
    plugin_string_t *err) {
  struct code code;
  const char *wrong = read((const char *)text->ptr, text->len, &code);
  plugin_string_free(text);
  if (wrong) {
    plugin_string_dup(err, wrong);
    return false;
  }
  ret->valid = is_valid(&code);
  plugin_string_dup(&ret->written, code.written);
  plugin_string_dup(&ret->expected, code.expected);
  return true;
}

bool exports_hyfunc_codes_codes_check_card(
    plugin_string_t *number, exports_hyfunc_codes_codes_verdict_t *ret, plugin_string_t *err) {
  return check(read_card, number, ret, err);
}

bool exports_hyfunc_codes_codes_check_isbn(
    plugin_string_t *isbn, exports_hyfunc_codes_codes_verdict_t *ret, plugin_string_t *err) {
  return check(read_isbn, isbn, ret, err);
}

bool exports_hyfunc_codes_codes_check_iban(
    plugin_string_t *iban, exports_hyfunc_codes_codes_verdict_t *ret, plugin_string_t *err) {
  return check(read_iban, iban, ret, err);
}
