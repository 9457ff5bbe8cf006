// What the functions of wit/world.wit do.

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

// Generated from wit/world.wit by wit-bindgen; build/plugin.h lists what is to be written here.
#include "plugin.h"

static const char *const WORDS[] = {
    [EXPORTS_LOCAL_TEMPLATE_NAME_GREETINGS_LANGUAGE_ENGLISH] = "Hello",
    [EXPORTS_LOCAL_TEMPLATE_NAME_GREETINGS_LANGUAGE_FRENCH] = "Bonjour",
    [EXPORTS_LOCAL_TEMPLATE_NAME_GREETINGS_LANGUAGE_GERMAN] = "Guten Tag",
    [EXPORTS_LOCAL_TEMPLATE_NAME_GREETINGS_LANGUAGE_SPANISH] = "Hola",
};

// True for `ok`, false for `err`. Arguments are ours to free; what is returned must be from `malloc`.
bool exports_local_template_name_greetings_greet(
    plugin_string_t *name,
    exports_local_template_name_greetings_language_t *maybe_language,
    plugin_string_t *ret,
    plugin_string_t *err) {
  size_t start = 0, end = name->len;
  while (start < end && isspace(name->ptr[start])) start++;
  while (end > start && isspace(name->ptr[end - 1])) end--;
  if (start == end) {
    plugin_string_free(name);
    plugin_string_dup(err, "say whom to greet");
    return false;
  }

  exports_local_template_name_greetings_language_t language =
      maybe_language ? *maybe_language : EXPORTS_LOCAL_TEMPLATE_NAME_GREETINGS_LANGUAGE_ENGLISH;
  const char *word = WORDS[language];
  size_t word_len = strlen(word), name_len = end - start;
  // "WORD, NAME!"
  ret->len = word_len + 2 + name_len + 1;
  ret->ptr = malloc(ret->len);
  if (ret->ptr == NULL) abort();
  memcpy(ret->ptr, word, word_len);
  memcpy(ret->ptr + word_len, ", ", 2);
  memcpy(ret->ptr + word_len + 2, name->ptr + start, name_len);
  ret->ptr[ret->len - 1] = '!';
  plugin_string_free(name);
  return true;
}
