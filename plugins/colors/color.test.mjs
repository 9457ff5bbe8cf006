// The logic, natively: `node --test`, in this folder.

import assert from "node:assert/strict";
import { test } from "node:test";

import { colors } from "./app.js";
import { contrast, mix, read, write } from "./color.js";
import { NAMES } from "./names.js";

test("every named color is read back from every notation", () => {
  for (const name of Object.keys(NAMES)) {
    const hex = write(read(name), "hex");
    assert.equal(write(read(hex), "hex"), hex);
    assert.equal(write(read(write(read(name), "rgb")), "hex"), hex);
    // Whole degrees and percents lose a little.
    const [one, other] = [read(name), read(write(read(name), "hsl"))];
    one.forEach((part, at) => assert.ok(Math.abs(part - other[at]) < 0.02, name));
  }
});

test("colors are read as people write them", () => {
  for (const [text, hex] of [
    ["#F80", "#ff8800"],
    ["ff8800", "#ff8800"],
    ["0xFF8800", "#ff8800"],
    [" Light Blue ", "#add8e6"],
    ["light-blue", "#add8e6"],
    ["rgb(255,136,0)", "#ff8800"],
    ["rgba(255 136 0 / 50%)", "#ff8800"],
    ["RGB(100%, 0%, 50%)", "#ff0080"],
    ["rgb(300, -5, 0)", "#ff0000"],
    ["hsl(-328, 100%, 50%)", "#ff8800"],
    ["hsl(32deg 100% 50%)", "#ff8800"],
  ]) {
    assert.equal(write(read(text), "hex"), hex, text);
  }
});

test("what is no color is refused with what to write", () => {
  for (const text of [
    "",
    "blurple",
    "#ff88001",
    "#12345",
    "rgb(1, 2)",
    "rgb(1, 2, 3, 4, 5)",
    "rgb(one, two, three)",
    "hsl()",
    "constructor",
    "__proto__",
    "rgb((((((1,2,3)",
    "rgb(" + ",".repeat(100_000) + ")",
  ]) {
    assert.throws(
      () => read(text),
      (said) => typeof said === "string" && said.includes("write a name"),
    );
  }
});

test("contrast is that of WCAG", () => {
  assert.equal(contrast(read("black"), read("white")), 21);
  assert.equal(contrast(read("teal"), read("teal")), 1);
  // The best known edge: #767676 is the lightest gray for text on white, #777777 is not enough.
  assert.equal(colors.colorContrast("#767676", "white").grade, "good");
  assert.deepEqual(colors.colorContrast("#777", "white"), {
    ratio: 4.47,
    grade: "large",
    better: "black",
  });
});

test("mixtures end at their colors", () => {
  for (const name of Object.keys(NAMES)) {
    assert.equal(write(mix(read(name), read("red"), 0), "hex"), write(read(name), "hex"));
    assert.equal(write(mix(read("red"), read(name), 1), "hex"), write(read(name), "hex"));
  }
  assert.equal(colors.mixColors("red", "blue", null), colors.mixColors("red", "blue", 50));
  assert.throws(() => colors.mixColors("red", "blue", 101), /^101 percent/);
});
