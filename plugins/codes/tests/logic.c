// The logic, natively:
//   clang -std=c11 -Wall -Wextra -fsanitize=undefined -I. tests/logic.c digits.c checksum.c -o native && ./native

#include "checksum.h"
#include "digits.h"

#include <stdio.h>
#include <string.h>

typedef const char *read_code(const char *text, size_t length, struct code *code);

static int failed;

static void expect(bool is_good, const char *what) {
  if (is_good) return;
  printf("FAILED: %s\n", what);
  failed++;
}

struct example {
  read_code *read;
  const char *text;
  // As it should be; NULL for a text that is refused.
  const char *expected;
};

static const struct example EXAMPLES[] = {
    {read_card, "4111 1111 1111 1111", "4111111111111111"},
    {read_card, "4111111111111112", "4111111111111111"},
    {read_card, "378282246310005", "378282246310005"},
    {read_card, "0000-0000-0000", "000000000000"},
    {read_card, "", NULL},
    {read_card, "41111111111", NULL},
    {read_card, "41111111111111111111", NULL},
    {read_card, "4111 1111 1111 111a", NULL},
    {read_card, "4111.1111.1111.1111", NULL},
    {read_isbn, "0-306-40615-2", "0306406152"},
    {read_isbn, "080442957x", "080442957X"},
    {read_isbn, "0804429570", "080442957X"},
    {read_isbn, "978-0-306-40615-7", "9780306406157"},
    {read_isbn, "9780306406158", "9780306406157"},
    {read_isbn, "9770306406157", NULL},
    {read_isbn, "X804429570", NULL},
    {read_isbn, "978030640615X", NULL},
    {read_isbn, "123456789", NULL},
    {read_iban, "GB82 WEST 1234 5698 7654 32", "GB82WEST12345698765432"},
    {read_iban, "gb82west12345698765432", "GB82WEST12345698765432"},
    {read_iban, "FR14 2004 1010 0505 0001 3M02 606", "FR1420041010050500013M02606"},
    {read_iban, "DE88370400440532013000", "DE89370400440532013000"},
    // The longest of all countries, and one more.
    {read_iban, "MT84MALT011000012345MTLCAST001S", "MT84MALT011000012345MTLCAST001S"},
    {read_iban, "LC00000000000000000000000000000000000", NULL},
    {read_iban, "8937040044053201", NULL},
    {read_iban, "DEXX370400440532013000", NULL},
    {read_iban, "DE89 3704 0044 0532 0130 0\xc3\xb6", NULL},
};

int main(void) {
  for (size_t at = 0; at < sizeof EXAMPLES / sizeof *EXAMPLES; at++) {
    const struct example *example = &EXAMPLES[at];
    struct code code;
    const char *wrong = example->read(example->text, strlen(example->text), &code);
    bool is_as_expected = example->expected ? !wrong && !strcmp(code.expected, example->expected)
                                            : wrong != NULL;
    expect(is_as_expected, example->text);
    if (wrong) continue;
    // What it should be is right, and any other last digit is not.
    struct code again;
    expect(!example->read(code.expected, strlen(code.expected), &again), code.expected);
    expect(is_valid(&again), code.expected);
    size_t last = strlen(code.expected) - 1;
    for (char digit = '0'; digit <= '9'; digit++) {
      char other[CODE_CHARS_MAX + 1];
      strcpy(other, code.expected);
      if (other[last] == digit || other[last] > '9') continue;
      other[last] = digit;
      expect(!example->read(other, last + 1, &again) && !is_valid(&again), other);
    }
  }

  // The check values of the catalogues: https://reveng.sourceforge.io/crc-catalogue, RFC 1950.
  const uint8_t *digits = (const uint8_t *)"123456789";
  expect(crc(CRC_ZIP, digits, 9) == 0xCBF43926u, "CRC-32");
  expect(crc(CRC_CASTAGNOLI, digits, 9) == 0xE3069283u, "CRC-32C");
  expect(crc(CRC_ZIP, digits, 0) == 0, "CRC-32 of nothing");
  expect(adler32((const uint8_t *)"Wikipedia", 9) == 0x11E60398u, "Adler-32");
  expect(adler32(digits, 0) == 1, "Adler-32 of nothing");
  expect(fnv1a((const uint8_t *)"foobar", 6) == 0x85944171F73967E8u, "FNV-1a");
  expect(fnv1a(digits, 0) == 0xCBF29CE484222325u, "FNV-1a of nothing");

  printf("logic: %s\n", failed ? "FAILED" : "passed");
  return failed != 0;
}
