// Takes exports off a wasm module: what nobody calls from outside, wasm-opt can then drop.
const EXPORTS = 7;

/** The module without the methods of its exported classes, except those of the classes named here. */
export function withoutClasses(module, ...kept) {
  const names = exportsOf(module).map(({ name }) => name);
  const classes = names.map((name) => /^__wbg_(\w+)_free$/.exec(name)?.[1]).filter((name) => name && !kept.includes(name));
  const prefixes = classes.flatMap((name) => [`${name}_`, `__wbg_${name}_free`, `__wbg_get_${name}_`, `__wbg_set_${name}_`]);
  return without(module, (name) => prefixes.some((prefix) => name.startsWith(prefix)));
}

function without(module, isDropped) {
  const { start, end } = section(module);
  const kept = exportsOf(module).filter(({ name }) => !isDropped(name));
  const body = Buffer.concat([leb(kept.length), ...kept.map(({ bytes }) => bytes)]);
  return Buffer.concat([module.subarray(0, start), Buffer.from([EXPORTS]), leb(body.length), body, module.subarray(end)]);
}

/** Every export with its bytes: name, kind, index (WebAssembly Core 5.5.10). */
function exportsOf(module) {
  const { body } = section(module);
  let [count, at] = read(module, body);
  const found = [];
  for (; count > 0; count -= 1) {
    const [length, text] = read(module, at);
    const [, end] = read(module, text + length + 1);
    found.push({ name: module.toString("utf8", text, text + length), bytes: module.subarray(at, end) });
    at = end;
  }
  return found;
}

function section(module) {
  for (let start = 8; start < module.length; ) {
    const [length, body] = read(module, start + 1);
    if (module[start] === EXPORTS) return { start, body, end: body + length };
    start = body + length;
  }
  throw new Error("the module exports nothing");
}

/** A number in LEB128, and where it ends. */
function read(bytes, from) {
  let value = 0;
  for (let at = from, shift = 0; ; at += 1, shift += 7) {
    value += (bytes[at] & 0x7f) * 2 ** shift;
    if (bytes[at] < 0x80) return [value, at + 1];
  }
}

function leb(value) {
  const bytes = [];
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>>= 7;
  } while (value > 0);
  return Buffer.from(bytes);
}
