// What the functions of wit/world.wit do.

const WORDS = { english: "Hello", french: "Bonjour", german: "Guten Tag", spanish: "Hola" };

/** The interface `greetings`: one object an interface, one method a function. */
export const greetings = {
  greet(name, language) {
    name = name.trim();
    if (name === "") {
      // The error of a `result` is thrown.
      throw "say whom to greet";
    }
    return `${WORDS[language ?? "english"]}, ${name}!`;
  },
};
