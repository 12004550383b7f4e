// The crate's hands in the runtime: heads are read as one string, and what was decided comes back as one string of edits.
// Nothing here decides anything. Each crossing into wasm costs as much as several of these lines.
const encoder = new TextEncoder();
/** Names of headers, in the order in which the crate made them known: a string of JavaScript's own is set faster than a new one. */
let names = [];
/** The code of the first name in an edit: the first character that is no control character. */
const FIRST = 32;
/** As many requests share one registration for the case that they are never answered. */
const GENERATION = 64;

let resume;
let forget;
/** What every promise of a generation holds. Once nobody holds it any more, none of its requests can go on. */
let generation;
const lost = new FinalizationRegistry(({ asked, id }) => asked === forget && forget(id, GENERATION));

/** Begins with an instance of the crate. */
export function bind(ofResume, ofForget) {
  names = [];
  resume = ofResume;
  forget = ofForget;
  generation = undefined;
}

/** Makes the next name of a header known. */
export function learn(name) {
  names.push(name);
}

/** Writes method, URL and headers to `bytes`, a line each: how many bytes, or minus how many are enough. */
export function readRequest(request, bytes) {
  return put(withHeaders(`${request.method}\n${request.url}\n`, request.headers), bytes);
}

/** Writes the headers of an answer to `bytes`, a line each; none if it has not the one that is asked for. */
export function readAnswer(answer, name, bytes) {
  const { headers } = answer;
  return name === "" || headers.has(name) ? put(withHeaders("", headers), bytes) : 0;
}

function withHeaders(start, headers) {
  let text = start;
  // An iterator would make three objects of each header.
  headers.forEach((value, name) => (text += `${name},${value}\n`));
  return text;
}

function put(text, bytes) {
  const { read, written } = encoder.encodeInto(text, bytes);
  // UTF-8 takes at most three bytes for a unit of UTF-16.
  return read === text.length ? written : text.length * -3;
}

/** Carries out edits, a line each: what is done, the name's place in the list or the name itself, the value. */
function edit(headers, edits) {
  for (const line of edits === "" ? [] : edits.split("\n")) {
    const at = line.indexOf(",");
    switch (line[0]) {
      case "a":
        headers.append(names[line.charCodeAt(1) - FIRST], line.slice(2));
        break;
      case "n":
        headers.set(line.slice(1, at), line.slice(at + 1));
        break;
      case "r":
        headers.delete(line.slice(1));
        break;
      default:
        headers.set(names[line.charCodeAt(1) - FIRST], line.slice(2));
    }
  }
  return headers;
}

/** Sends a request on with these edits, to the URL `moved` unless that is empty; `cf` is what Cloudflare is told beside it. */
export function send(request, isPlain, moved, cf, edits) {
  const init = { headers: edit(new Headers(request.headers), edits), redirect: "manual" };
  if (cf !== undefined) init.cf = cf;
  // A request made anew costs twice what its parts cost, but only it has a body under every method.
  if (isPlain && request.body === null) {
    init.method = request.method;
    return fetch(moved || request.url, init);
  }
  // The old request serves as the init of the new one: method, body and all.
  return fetch(moved === "" ? request : new Request(moved, request), init);
}

/** Hands a request to an application in a Worker, which may answer without a promise. */
export function hand(request, application, edits) {
  // One request that says everything: a wrapper of the application may hand on no more than its first argument.
  return Promise.resolve(application.fetch(new Request(request, { headers: edit(new Headers(request.headers), edits), redirect: "manual" })));
}

/** Goes on with the request of this id once the promise is settled. */
export function settle(promise, id) {
  if (generation === undefined || id % GENERATION === 0) {
    generation = { resume };
    lost.register(generation, { asked: forget, id: id - (id % GENERATION) });
  }
  const held = generation;
  return promise.then(
    (value) => held.resume(id, value, true),
    (error) => held.resume(id, error, false),
  );
}

/** The answer with other headers; status text, encoding and socket stay. */
export function edited(answer, hasBody, edits) {
  const copy = new Response(hasBody ? answer.body : null, answer);
  edit(copy.headers, edits);
  return copy;
}

/** An answer of the crate's own. */
export function respond(status, body, edits) {
  return new Response(body === "" ? null : body, { status, headers: edit(new Headers(), edits) });
}

/** Whether a signature is the key's. The bytes are those of the crate's memory, so they are copied. */
export function check(algorithm, key, signature, input) {
  return crypto.subtle.verify(algorithm, key, signature.slice(), input.slice());
}

/** Sends a request of the crate's own: status, one header and body of the answer; the body is nothing if it is longer than `limit`. */
export async function ask(method, url, edits, body, ms, limit, header) {
  const init = { method, headers: edit(new Headers(), edits), redirect: "manual", signal: AbortSignal.timeout(ms) };
  if (body !== undefined) init.body = body;
  const answer = await fetch(url, init);
  return [answer.status, answer.headers.get(header), await readBody(answer, limit)];
}

/** A body whole; nothing if it is longer than `limit`. An endless one is read no further than that. */
export async function readBody({ body }, limit) {
  if (body === null) return new Uint8Array();
  const reader = body.getReader();
  const pieces = [];
  for (let length = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return pieces.length === 1 ? pieces[0] : new Uint8Array(await new Blob(pieces).arrayBuffer());
    length += value.length;
    pieces.push(value);
    if (length > limit) return void reader.cancel().catch(ignore);
  }
}

/** What a promise is settled with, or nothing if that takes longer than `ms`, where that is given. */
export function within(promise, ms) {
  if (ms === undefined) return promise;
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The texts under these names of a KV namespace, read one after the other, or nothing if that takes longer. */
export function readTexts(store, names, cacheTtl, ms) {
  return within(textsOf(store, names, { cacheTtl, type: "text" }), ms);
}

async function textsOf(store, names, options) {
  const texts = [];
  for (const name of names) texts.push(await store.get(name, options));
  return texts;
}

/** Stores a text for so many seconds: true, or nothing if that takes longer. */
export function writeText(store, name, text, expirationTtl, ms) {
  return within(
    store.put(name, text, { expirationTtl }).then(() => true),
    ms,
  );
}

/** Whether a rate limit lets a key go on, or nothing if it takes longer to say so. */
export function mayGoOn(limit, key, ms) {
  return within(
    limit.limit({ key }).then(({ success }) => Boolean(success)),
    ms,
  );
}

/** Tells a gate something; nobody resolves the URL. */
export function tell(gate, url, message, ms) {
  return within(gate.fetch(url, { method: "POST", body: message }).then(heard), ms);
}

/** What a gate answered, if it understood. */
function heard(answer) {
  return answer.ok ? answer.text() : undefined;
}

/** Begins both writes in one turn: they are one commit. What leaves the object is held back until it is durable. */
export function keep(storage, name, value, alarm) {
  storage.put(name, value).catch(ignore);
  storage.setAlarm(alarm).catch(ignore);
}

/** Begins to forget everything. */
export function clear(storage) {
  storage.deleteAlarm().catch(ignore);
  storage.deleteAll().catch(ignore);
}

/** Nobody can be told: the runtime resets an object whose storage fails. */
function ignore() {}
