// The Worker's modules for the runtime: what wasm-bindgen made of the crate, and a new instance after a panic.
//
// A panic aborts, and the runtime cuts off a request whose CPU time is over in the middle of an instruction, without an
// error that anybody could catch. Either instance must not be entered again: its stack and its borrows stand where they stood.
import { RefreshGate as Gate, __wbg_reset_state, __worker_init_state, calls, fetch as answer } from "./index.js";

Error.stackTraceLimit = 100;
// `criticalError` is set by the panic hook; `instanceId` counts the instances.
const state = __worker_init_state();
// A panic in what runs behind a promise reaches no caller.
addEventListener("error", (event) => note(event.error));

function note(error) {
  if (error instanceof WebAssembly.RuntimeError) state.criticalError = true;
}

// `calls.inside` counts the calls of the crate, and of its closures behind promises, that have not returned. wasm never
// waits, so one that is there when the next call comes was cut off.
function enter(call) {
  if (calls.inside > 0) {
    console.error("edge-session: a call was cut off");
    state.criticalError = true;
    calls.inside = 0;
  }
  if (state.criticalError) {
    console.error("edge-session: a new instance follows");
    __wbg_reset_state();
    state.criticalError = false;
  }
  calls.inside += 1;
  try {
    return call();
  } catch (error) {
    note(error);
    throw error;
  } finally {
    // What is cut off does not come by here.
    calls.inside -= 1;
  }
}

export default {
  fetch: (request, env, context) => enter(() => answer(request, env, context)),
};

// Called by `fetch`: a class that is called by its methods has to extend one of `cloudflare:workers`, and loading that
// module takes a start as long as half the crate.
export class RefreshGate {
  #parts;
  #gate;
  #instanceId;

  constructor(...parts) {
    this.#parts = parts;
  }

  async fetch(request) {
    const message = await request.text();
    try {
      return new Response(await enter(() => this.#current().hear(message)));
    } catch (error) {
      note(error);
      return new Response(String(error?.message), { status: 400 });
    }
  }

  alarm() {
    return enter(() => this.#current().alarm());
  }

  /** The object in the instance of now. What it must not forget is in its storage. */
  #current() {
    if (this.#instanceId !== state.instanceId) {
      this.#gate = new Gate(...this.#parts);
      this.#instanceId = state.instanceId;
    }
    return this.#gate;
  }
}
