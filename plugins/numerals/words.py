"""Whole numbers in English words."""

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
# Powers of a thousand, up to those of a 64-bit number.
SCALES = ("", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion")
LARGEST = 2**63 - 1
SMALLEST = -(2**63)

# Ordinals that are not their number with a `th`.
ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}

SMALL = {word: value for value, word in enumerate(ONES)} | {
    word: 10 * value for value, word in enumerate(TENS) if value >= 2
}
LARGE = {word: 1000**power for power, word in enumerate(SCALES) if word}
# Counts of other than ten: `four score`, `two dozen`.
COUNTS = {"dozen": 12, "score": 20}


def write(number: int) -> str:
    """A number in words, such as `two hundred and five`."""
    if number < 0:
        return f"minus {write(-number)}"
    if number < 1000:
        return _below_thousand(number)
    groups = []
    for power, scale in enumerate(SCALES):
        number, group = divmod(number, 1000)
        if group and power == 0 and group < 100:
            # One thousand *and* five.
            groups.append(f"and {_below_thousand(group)}")
        elif group:
            groups.append(f"{_below_thousand(group)} {scale}".rstrip())
    return " ".join(reversed(groups))


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    if rest < 20:
        words = ONES[rest]
    else:
        tens, ones = divmod(rest, 10)
        words = f"{TENS[tens]}-{ONES[ones]}" if ones else TENS[tens]
    if not hundreds:
        return words
    return f"{ONES[hundreds]} hundred and {words}" if rest else f"{ONES[hundreds]} hundred"


def ordinal(number: int) -> str:
    """The ordinal of a number in words, such as `twenty-first`."""
    words = write(number)
    # Only the last word changes, also behind a hyphen.
    start = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[start:]
    if last in ORDINALS:
        return words[:start] + ORDINALS[last]
    return words[:start] + (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")


def read(text: str) -> int:
    """The number that words say; `ValueError` for words that say none."""
    words = [word for word in text.lower().replace("-", " ").replace(",", " ").split() if word != "and"]
    is_negative = words[:1] in (["minus"], ["negative"])
    words = words[1:] if is_negative else words
    if not words:
        raise ValueError("write a number in words, such as two hundred and five")
    total, group, below, last_scale = 0, 0, None, None
    for word in words:
        # A `hundred` or `million` with nothing before it is one of them.
        count = 1 if below is None else group
        if word in SMALL or word == "a":
            value = SMALL.get(word, 1)
            # `twenty five` and `hundred five` go on; `five six` and `twenty thirty` do not.
            if below is not None and not 0 < value < below:
                raise ValueError(f"`{text.strip()}` reads as several numbers: write one")
            group, below = group + value, 10 if value >= 20 else 1
        elif word == "hundred" and count in range(1, 100):
            group, below = count * 100, 100
        elif word in COUNTS and count in range(1, 1000):
            group, below = count * COUNTS[word], COUNTS[word]
        elif word in LARGE and count and (last_scale is None or LARGE[word] < last_scale):
            total, group, below = total + count * LARGE[word], 0, None
            last_scale = LARGE[word]
        else:
            is_known = word in LARGE or word == "hundred" or word in COUNTS
            why = "stands in the wrong place" if is_known else "is no number word"
            raise ValueError(f"`{word}` {why}: write a number such as two hundred and five")
    number = -(total + group) if is_negative else total + group
    if not SMALLEST <= number <= LARGEST:
        raise ValueError("that number has more digits than fit here: stay below nine quintillion")
    return number
