"""What the functions of wit/world.wit do. The logic is in `roman.py` and `words.py`."""

from typing import Optional

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.numerals import Style

import roman
import words


class Numerals(exports.Numerals):
    """The interface `numerals`: one class an interface, one method a function."""

    def to_roman(self, number: int) -> str:
        return _or_err(roman.write, number)

    def from_roman(self, numeral: str) -> int:
        return _or_err(roman.read, numeral)

    def spell_number(self, number: int) -> str:
        return words.write(number)

    def read_words(self, words_: str) -> int:
        return _or_err(words.read, words_)

    def ordinal(self, number: int, style: Optional[Style]) -> str:
        if style == Style.WORDS:
            return words.ordinal(number)
        # 11th, 12th and 13th are not like 21st, 22nd and 23rd.
        is_teen = 10 <= number % 100 <= 20
        suffix = "th" if is_teen else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
        return f"{number}{suffix}"


def _or_err(function, argument):
    """What a function gives; what it refuses is the error of the `result`."""
    try:
        return function(argument)
    except ValueError as error:
        raise Err(str(error)) from None
