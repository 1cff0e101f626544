// The Web Worker around the engine: fetches bars, hands requests over, posts replies. Messages are JSON, see
// papertape::api::WorkerRequest. Becomes /pkg/engine.js; the page that wants the engine starts it.

import init, { Engine } from "papertape_worker";

const started = init({ module_or_path: "/pkg/engine_bg.wasm" }).then(() => new Engine());
// The page waits for it, and is told by the first reply.
started.catch(() => {});

/** Bars on their way, by address: fetched once, however many requests wait for them. */
const loads = new Map();

/** Bars that did not come: no fault of the engine, which can go on with others. */
class Unfetched extends Error {}

async function fetched(address) {
  // Fresh from the cache if the server says that nothing has changed.
  const response = await fetch(address, { cache: "no-cache" });
  if (response.ok) return new Uint8Array(await response.arrayBuffer());
  const problem = await response.json().catch(() => undefined);
  throw new Error(problem?.detail ?? `the server answered ${response.status}`);
}

async function load(engine, number, address) {
  const bars = await fetched(address).catch((cause) => {
    throw new Unfetched(cause.message);
  });
  return engine.load(number, address, bars);
}

async function reply(text) {
  const { number, ask } = JSON.parse(text);
  try {
    const engine = await started;
    const address = ask.load?.bars;
    if (!address || engine.has(address)) return engine.answer(text);
    if (loads.has(address)) {
      await loads.get(address);
      return engine.answer(text);
    }
    const loading = load(engine, number, address);
    loads.set(address, loading);
    return await loading.finally(() => loads.delete(address));
  } catch (cause) {
    const unfetched = cause instanceof Unfetched;
    const failed = {
      type: "about:blank",
      title: unfetched ? "The bars could not be fetched" : "The engine could not do it",
      status: 500,
      detail: cause instanceof Error ? cause.message : String(cause),
      code: unfetched ? "bars_unfetched" : "engine_failed",
      errors: [],
    };
    return JSON.stringify({ number, answer: { failed } });
  }
}

addEventListener("message", async ({ data }) => postMessage(await reply(data)));
