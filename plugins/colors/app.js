// What the functions of wit/world.wit do. The logic is in `color.js`.

import { contrast, fixed, mix, read, write } from "./color.js";

/** The interface `colors`: one object an interface, one method a function. */
export const colors = {
  convertColor(color, notation) {
    return write(read(color), notation);
  },

  colorContrast(text, background) {
    const behind = read(background);
    const ratio = contrast(read(text), behind);
    const better = contrast(read("black"), behind) >= contrast(read("white"), behind);
    // Rounded down: 4.499 is not enough where 4.5 is asked for.
    return {
      ratio: fixed(Math.floor(ratio * 100) / 100, 2),
      grade: ratio >= 7 ? "best" : ratio >= 4.5 ? "good" : ratio >= 3 ? "large" : "fail",
      better: better ? "black" : "white",
    };
  },

  mixColors(first, second, percent) {
    // What is left out comes as `null`.
    percent ??= 50;
    if (percent > 100) {
      // The error of a `result` is thrown.
      throw `${percent} percent is more than all: write 0 to 100`;
    }
    return write(mix(read(first), read(second), percent / 100), "hex");
  },
};
