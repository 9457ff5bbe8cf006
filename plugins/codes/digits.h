// Numbers that check themselves: read as people write them, and their check digits computed.
//
// No function here allocates: texts are written into what the caller has, and end with a zero.

#ifndef HYFUNC_DIGITS_H
#define HYFUNC_DIGITS_H

#include <stdbool.h>
#include <stddef.h>

// Most characters of a number, without blanks and hyphens: an IBAN has 34 at most.
enum { CODE_CHARS_MAX = 34 };

struct code {
  // The number without blanks and hyphens, letters as capitals.
  char written[CODE_CHARS_MAX + 1];
  // The same with the check digits that it should have.
  char expected[CODE_CHARS_MAX + 1];
};

// Each gives NULL, or what is wrong with a text that cannot be such a number at all.
const char *read_card(const char *text, size_t length, struct code *code);
const char *read_isbn(const char *text, size_t length, struct code *code);
const char *read_iban(const char *text, size_t length, struct code *code);

// Whether the check digits are those that it should have.
bool is_valid(const struct code *code);

#endif
