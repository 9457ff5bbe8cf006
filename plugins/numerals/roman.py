"""Roman numerals, 1 to 3999."""

LARGEST = 3999

# Largest first; what is subtracted stands among them.
SYMBOLS = (
    (1000, "M"),
    (900, "CM"),
    (500, "D"),
    (400, "CD"),
    (100, "C"),
    (90, "XC"),
    (50, "L"),
    (40, "XL"),
    (10, "X"),
    (9, "IX"),
    (5, "V"),
    (4, "IV"),
    (1, "I"),
)


def write(number: int) -> str:
    """The numeral of a number; `ValueError` for one that has none."""
    if not 1 <= number <= LARGEST:
        raise ValueError(f"Roman numerals reach from 1 to {LARGEST}, and this is {number}")
    numeral = ""
    for value, symbol in SYMBOLS:
        count, number = divmod(number, value)
        numeral += symbol * count
    return numeral


def read(numeral: str) -> int:
    """The number of a numeral; `ValueError` for anything but the one way to write it."""
    letters = numeral.strip().upper()
    if not letters:
        raise ValueError("write a Roman numeral, such as MCMXCIV")
    strange = next((letter for letter in letters if letter not in "IVXLCDM"), None)
    if strange:
        raise ValueError(f"{strange} is no Roman numeral: they are I, V, X, L, C, D and M")
    number, rest = 0, letters
    for value, symbol in SYMBOLS:
        # Any more of one symbol is told apart below; so many are the most there can be.
        while rest.startswith(symbol) and number <= LARGEST:
            number, rest = number + value, rest[len(symbol) :]
    if rest or number > LARGEST:
        raise ValueError(f"{letters} is not how the Romans wrote a number")
    if write(number) != letters:
        raise ValueError(f"{letters} is not how the Romans wrote a number: {number} is {write(number)}")
    return number
