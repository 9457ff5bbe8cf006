#include "digits.h"

#include <string.h>

static bool is_digit(char character) { return character >= '0' && character <= '9'; }

static bool is_letter(char character) { return character >= 'A' && character <= 'Z'; }

// Copies digits and capitals; the count of them, or -1 for other characters or too many.
static int compact(const char *text, size_t length, char *written) {
  int count = 0;
  for (size_t at = 0; at < length; at++) {
    char character = text[at];
    if (character == ' ' || character == '-' || character == '\t' || character == '\n') continue;
    if (character >= 'a' && character <= 'z') character = (char)(character - 'a' + 'A');
    if ((!is_digit(character) && !is_letter(character)) || count == CODE_CHARS_MAX) return -1;
    written[count++] = character;
  }
  written[count] = '\0';
  return count;
}

static bool are_digits(const char *text, int count) {
  for (int at = 0; at < count; at++) {
    if (!is_digit(text[at])) return false;
  }
  return true;
}

bool is_valid(const struct code *code) { return strcmp(code->written, code->expected) == 0; }

const char *read_card(const char *text, size_t length, struct code *code) {
  int count = compact(text, length, code->written);
  if (count < 12 || count > 19 || !are_digits(code->written, count)) {
    return "write the 12 to 19 digits of the card";
  }
  // Luhn: from the right, every second digit counts double, and the digits of that are added.
  int sum = 0;
  for (int at = 0; at < count - 1; at++) {
    int digit = code->written[at] - '0';
    if ((count - 1 - at) % 2 == 1) digit = digit < 5 ? digit * 2 : digit * 2 - 9;
    sum += digit;
  }
  strcpy(code->expected, code->written);
  code->expected[count - 1] = (char)('0' + (10 - sum % 10) % 10);
  return NULL;
}

const char *read_isbn(const char *text, size_t length, struct code *code) {
  int count = compact(text, length, code->written);
  bool is_last_fit = count == 10 && code->written[9] == 'X';
  int digits = is_last_fit ? 9 : count;
  if ((count != 10 && count != 13) || !are_digits(code->written, digits)) {
    return "write the 10 or 13 digits of the ISBN; only the last of 10 may be an X";
  }
  if (count == 13 && strncmp(code->written, "978", 3) != 0 && strncmp(code->written, "979", 3) != 0) {
    return "an ISBN of 13 digits begins with 978 or 979";
  }
  int sum = 0;
  for (int at = 0; at < count - 1; at++) {
    int weight = count == 10 ? 10 - at : at % 2 == 0 ? 1 : 3;
    sum += weight * (code->written[at] - '0');
  }
  int modulus = count == 10 ? 11 : 10;
  int check = (modulus - sum % modulus) % modulus;
  strcpy(code->expected, code->written);
  code->expected[count - 1] = check == 10 ? 'X' : (char)('0' + check);
  return NULL;
}

const char *read_iban(const char *text, size_t length, struct code *code) {
  int count = compact(text, length, code->written);
  if (count < 15 || !is_letter(code->written[0]) || !is_letter(code->written[1]) ||
      !are_digits(code->written + 2, 2)) {
    return "write the IBAN: two letters of the country, two digits, and 11 to 30 more characters";
  }
  // The account, the country and 00, letters as 10 to 35, modulo 97.
  int rest = 0;
  for (int at = 4; at < count + 4; at++) {
    char character = at < count ? code->written[at] : at < count + 2 ? code->written[at - count] : '0';
    rest = is_digit(character) ? rest * 10 + (character - '0') : rest * 100 + (character - 'A' + 10);
    rest %= 97;
  }
  int check = 98 - rest;
  strcpy(code->expected, code->written);
  code->expected[2] = (char)('0' + check / 10);
  code->expected[3] = (char)('0' + check % 10);
  return NULL;
}
