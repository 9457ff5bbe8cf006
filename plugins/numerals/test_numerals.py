"""The logic, natively: python3 -m unittest, in this folder."""

import unittest

import roman
import words


class Roman(unittest.TestCase):
    def test_every_number_is_read_back(self):
        for number in range(1, roman.LARGEST + 1):
            self.assertEqual(roman.read(roman.write(number)), number)

    def test_what_is_no_numeral_is_refused(self):
        for bad in ("", " ", "IIII", "VX", "IC", "MMMM", "MMMMM" * 100, "IVI", "ABC", "Ⅳ", "12"):
            with self.assertRaises(ValueError, msg=bad):
                roman.read(bad)
        for bad in (0, -1, 4000):
            with self.assertRaises(ValueError):
                roman.write(bad)

    def test_small_letters_and_blanks_are_read(self):
        self.assertEqual(roman.read(" mcmxciv "), 1994)


class Words(unittest.TestCase):
    def test_numbers_are_read_back(self):
        edges = [words.LARGEST, words.SMALLEST, 0, -1]
        for number in [*range(0, 10_000), *(10**power + 5 for power in range(4, 18)), *edges]:
            self.assertEqual(words.read(words.write(number)), number)

    def test_the_usual_spellings(self):
        for number, text in (
            (0, "zero"),
            (21, "twenty-one"),
            (100, "one hundred"),
            (205, "two hundred and five"),
            (1005, "one thousand and five"),
            (1234, "one thousand two hundred and thirty-four"),
            (1_000_000, "one million"),
            (-7, "minus seven"),
        ):
            self.assertEqual(words.write(number), text)

    def test_other_spellings_are_read(self):
        for text, number in (
            ("a hundred", 100),
            ("Two Hundred Five", 205),
            ("two dozen", 24),
            ("four score and seven", 87),
            ("negative three", -3),
            ("one million, three hundred thousand", 1_300_000),
            ("twelve hundred", 1200),
        ):
            self.assertEqual(words.read(text), number)

    def test_what_is_no_number_is_refused(self):
        for bad in (
            "",
            "and",
            "minus",
            "banana",
            "five six",
            "twenty thirty",
            "thousand million",
            "hundred hundred",
            "five zero",
            "twenty zero",
            "ten quintillion",
            "fifteen two",
            "zero million",
            "zero five",
        ):
            with self.assertRaises(ValueError, msg=bad):
                words.read(bad)

    def test_ordinals(self):
        for number, text in (
            (0, "zeroth"),
            (1, "first"),
            (12, "twelfth"),
            (20, "twentieth"),
            (21, "twenty-first"),
            (100, "one hundredth"),
            (1_003, "one thousand and third"),
        ):
            self.assertEqual(words.ordinal(number), text)


if __name__ == "__main__":
    unittest.main()
