// What `deploy/c/tests/api.c` prints, by the WebAssembly module: `node api.mjs MODULE FOLDER`.
import { readFile } from "node:fs/promises";
import { argv, exit } from "node:process";

import { KilnError, hash, load } from "./kiln.mjs";

const kiln = await load(await readFile(argv[2]));
let failures = 0;

function bits(what, numbers) {
  const words = new Uint32Array(Float32Array.from(numbers).buffer);
  console.log([what, ...Array.from(words, (word) => word.toString(16).padStart(8, "0"))].join(" "));
}

function refused(what, run) {
  try {
    run();
    console.log(`not refused: ${what}`);
    failures++;
  } catch (error) {
    if (!(error instanceof KilnError)) throw error;
  }
}

// As in C: every operation rounded to 32 bits.
function point(length) {
  const f = Math.fround;
  return Float32Array.from({ length }, (_, i) =>
    f(f(f(0.75 * (i % 5)) - f(0.5 * (i % 7))) + f(0.25 * Math.floor(i / 3))),
  );
}

// The test vectors published with FNV-1a.
for (const [text, value] of [["", "cbf29ce484222325"], ["a", "af63dc4c8601ec8c"], ["foobar", "85944171f73967e8"]]) {
  const found = hash(new TextEncoder().encode(text));
  if (found === value) continue;
  console.log(`the hash of "${text}" is ${found}`);
  failures++;
}

console.log(`version ${kiln.version}`);
for (let status = 0; status < 9; status++) console.log(`status ${status}: ${kiln.statusText(status)}`);
for (const target of kiln.targets) {
  const dimension = kiln.dimension(target);
  const x = point(dimension);
  console.log(`${target} ${dimension}`);
  const { energy, gradient } = kiln.energy(target, x);
  bits("energy", [energy]);
  bits("gradient", gradient);
  const moved = kiln.mala(target, x, { stepSize: 1e-3, steps: 10, seed: 1, index: 2 });
  bits("mala", moved.x);
  bits("acceptance", [moved.acceptance]);
  refused("a short point", () => kiln.energy(target, x.slice(1)));
  refused("a step size of 0", () => kiln.mala(target, x, { stepSize: 0 }));
}
refused("an unknown target", () => kiln.energy("mog41", point(2)));

const models = [
  "mlp-f32",
  "mlp-i16w16a",
  "mlp-i8w16a",
  "egnn-f32",
  "egnn-i16w16a",
  "egnn-i8w16a",
  "mlp-framed-f32",
  "mlp-framed-i16w16a",
  "mlp-widths-i8w16a",
  "mlp-cells-f32",
  "mlp-cells-i8w16a",
];
for (const name of models) {
  const bytes = new Uint8Array(await readFile(`${argv[3]}/${name}.kiln`));
  const model = kiln.model(bytes);
  console.log(`${name} ${model.dimension} ${model.latent} ${model.weightBits}`);
  bits("samples", model.sample({ count: 4, seed: 5, first: 10 }));
  refused("a model that was cut off", () => kiln.model(bytes.slice(0, -8)));
}
exit(failures > 0 ? 1 : 0);
