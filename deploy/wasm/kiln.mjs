// Kiln in JavaScript, for browsers and node:
//
//     import { load } from "./kiln.mjs";
//     const kiln = await load(fetch("kiln_wasm.wasm"));      // or the bytes of the file
//     const { energy, gradient } = kiln.energy("dw4", new Float32Array(8));
//
// Buffers stand in pages that are added to the module's memory and used again by the next call.

const PAGE = 65536;

export class KilnError extends Error {}

// FNV-1a in 64 bits over bytes, as the registry hashes, in sixteen digits.
export function hash(bytes) {
  let value = 0xcbf29ce484222325n;
  for (const byte of bytes) value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n);
  return value.toString(16).padStart(16, "0");
}

class Kiln {
  constructor(instance, report) {
    this.exports = instance.exports;
    this.memory = instance.exports.memory;
    this.start = this.memory.buffer.byteLength;
    report.line = (text, length) => this.report?.(this.#bytesAt(text, length));
  }

  #bytesAt(address, length) {
    return new TextDecoder().decode(new Uint8Array(this.memory.buffer, address, length));
  }

  #text(address) {
    const bytes = new Uint8Array(this.memory.buffer, address);
    return this.#bytesAt(address, bytes.indexOf(0));
  }

  // Addresses of buffers of these sizes, each a multiple of 16.
  #room(...sizes) {
    let end = this.start;
    const addresses = sizes.map((size) => {
      const address = end;
      end = Math.ceil((end + size) / 16) * 16;
      return address;
    });
    const missing = end - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE));
    return addresses;
  }

  #name(address, name) {
    new Uint8Array(this.memory.buffer).set(new TextEncoder().encode(name + "\0"), address);
  }

  #floats(address, length) {
    return new Float32Array(this.memory.buffer, address, length);
  }

  #check(status) {
    if (status !== 0) throw new KilnError(this.statusText(status));
  }

  statusText(status) {
    return this.#text(this.exports.kiln_status_text(status));
  }

  get version() {
    return this.#text(this.exports.kiln_version());
  }

  get targets() {
    const names = [];
    for (let i = 0; this.exports.kiln_target_name(i) !== 0; i++) names.push(this.#text(this.exports.kiln_target_name(i)));
    return names;
  }

  dimension(target) {
    const [name, out] = this.#room(4 * target.length + 1, 4);
    this.#name(name, target);
    this.#check(this.exports.kiln_target_dimension(name, out));
    return new Uint32Array(this.memory.buffer, out, 1)[0];
  }

  // { energy, gradient } at the point x.
  energy(target, x) {
    const [name, point, energy, gradient] = this.#room(4 * target.length + 1, 4 * x.length, 4, 4 * x.length);
    this.#name(name, target);
    this.#floats(point, x.length).set(x);
    this.#check(this.exports.kiln_energy(name, point, x.length, energy, gradient, x.length));
    return { energy: this.#floats(energy, 1)[0], gradient: this.#floats(gradient, x.length).slice() };
  }

  // { x, acceptance } after MALA steps from x. seed and index are numbers or bigints.
  mala(target, x, { stepSize, steps = 1, seed = 0, index = 0 }) {
    const [name, point, acceptance] = this.#room(4 * target.length + 1, 4 * x.length, 4);
    this.#name(name, target);
    this.#floats(point, x.length).set(x);
    this.#check(this.exports.kiln_mala(name, BigInt(seed), BigInt(index), stepSize, steps, point, x.length, acceptance));
    return { x: this.#floats(point, x.length).slice(), acceptance: this.#floats(acceptance, 1)[0] };
  }

  // A model that `kiln export` wrote, from its bytes: { dimension, latent, weightBits, sample }, where
  // sample({ count, seed, first }) gives a Float32Array of count × dimension numbers.
  model(bytes) {
    const copy = bytes.slice();
    const [model, out] = this.#room(copy.length, 16);
    new Uint8Array(this.memory.buffer).set(copy, model);
    this.#check(this.exports.kiln_model_check(model, copy.length, out));
    const [dimension, latent, scratch, weightBits] = new Uint32Array(this.memory.buffer, out, 4);
    const sample = ({ count = 1, seed = 0, first = 0 } = {}) => {
      const [model, work, x] = this.#room(copy.length, 8 * scratch, 4 * count * dimension);
      new Uint8Array(this.memory.buffer).set(copy, model);
      const status = this.exports.kiln_model_sample(
        model, copy.length, BigInt(seed), BigInt(first), count, work, scratch, x, count * dimension,
      );
      this.#check(status);
      return this.#floats(x, count * dimension).slice();
    };
    return { dimension, latent, weightBits, sample };
  }

  // Runs the registry of kernels: calls `report` with each line, returns how many are not as pinned.
  registry(report) {
    this.report = report;
    return this.exports.kiln_registry_run();
  }
}

// From a response (or the promise of one), a module's bytes, or a compiled module.
export async function load(source) {
  const report = { line() {} };
  const imports = { kiln: { line: (text, length) => report.line(text, length) } };
  let given = await source;
  if (typeof Response !== "undefined" && given instanceof Response) given = await given.arrayBuffer();
  const made = await WebAssembly.instantiate(given, imports);
  return new Kiln(made.instance ?? made, report);
}
