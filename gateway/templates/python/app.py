"""What the functions of wit/world.wit do."""

from typing import Optional

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.greetings import Language

WORDS = {
    Language.ENGLISH: "Hello",
    Language.FRENCH: "Bonjour",
    Language.GERMAN: "Guten Tag",
    Language.SPANISH: "Hola",
}


class Greetings(exports.Greetings):
    """The interface `greetings`: one class an interface, one method a function."""

    def greet(self, name: str, language: Optional[Language]) -> str:
        name = name.strip()
        if not name:
            # The error of a `result` is raised.
            raise Err("say whom to greet")
        return f"{WORDS[language or Language.ENGLISH]}, {name}!"
