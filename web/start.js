// Loads the page: an own file, because the content security policy allows no inline script.
//
// The program is downloaded and compiled once; the page and its workers all start from that one module. The engine's
// worker begins to load at once, beside the page. The second part of the program follows when the page is idle.
import { isCut, prepare, provide } from "./later.js?v=__BUILD__";

const glue = import("./lastsave-web.js?v=__BUILD__");
const program = compile(new URL("./lastsave-web_bg.wasm?v=__BUILD__", import.meta.url));

async function compile(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address.pathname} is answered with ${response.status}`);
  // A host that does not know the type of wasm files still serves the page, a little slower.
  return response.headers.get("content-type")?.startsWith("application/wasm")
    ? WebAssembly.compileStreaming(response)
    : WebAssembly.compile(await response.arrayBuffer());
}

// What a worker says before the program listens, for then.
const missed = new WeakMap();

// The second part. Where a copy of the whole page is kept it comes with the first, so that a later visit is complete
// from the start, network or not; a first visit does without it for now.
const isKept = Boolean(navigator.serviceWorker?.controller);
let second = isKept ? program.then((module) => (isCut(module) ? prepare() : undefined)).catch(() => undefined) : undefined;

// Who has not got it yet.
const workers = new Set();

function startWorker(name) {
  const worker = new Worker(new URL("./worker.js?v=__BUILD__", import.meta.url), { type: "module", name });
  missed.set(worker, []);
  worker.onmessage = ({ data }) => missed.get(worker)?.push(data);
  // If there is no program, the page says so below.
  hand(worker).catch(() => {});
  return worker;
}

async function hand(worker) {
  if (!second) workers.add(worker);
  const module = await second?.catch(() => undefined);
  if (module) worker.postMessage(module);
  worker.postMessage(await program);
}

// What the program asks of this file: a worker of that name.
const early = new Map();
globalThis.lastsave = {
  worker(name) {
    const worker = early.get(name) ?? startWorker(name);
    early.delete(name);
    // The program listens as soon as it has the worker, before anything else can happen.
    queueMicrotask(() => {
      const said = missed.get(worker);
      missed.delete(worker);
      for (const data of said) worker.dispatchEvent(new MessageEvent("message", { data }));
    });
    return worker;
  },
};

let idle;
try {
  const engine = startWorker("lastsave engine");
  early.set("lastsave engine", engine);
  idle = new Promise((resolve) => {
    // The first thing it says is that it is ready; what the page does about it comes first.
    const wait = () => (globalThis.requestIdleCallback ?? setTimeout)(resolve, { timeout: 2000 });
    engine.addEventListener("message", wait, { once: true });
  });
  const { default: init } = await glue;
  const module = await second;
  if (module) provide(module);
  await init({ module_or_path: await program });
} catch (error) {
  const boot = document.getElementById("boot-text");
  if (boot) {
    boot.textContent =
      "The page could not be loaded: " + error + ". It needs a browser with WebAssembly; reload to try again.";
    boot.setAttribute("role", "alert");
  }
  // Whoever embeds the page hears of it too; what happened is no secret.
  if (parent !== globalThis) parent.postMessage({ lastsave: 1, type: "error", message: String(error) }, "*");
  throw error;
}

// From here on nothing waits. Whoever saves data gets the second part when something needs it.
if (!isKept && isCut(await program) && !navigator.connection?.saveData) {
  await idle;
  second = prepare();
  try {
    const module = await second;
    provide(module);
    for (const worker of workers) worker.postMessage(module);
  } catch {
    // It is asked for again when something needs it.
    second = undefined;
  }
}

performance.mark("lastsave whole");

// Last: the page keeps itself for when there is no network.
import("./offline.js?v=__BUILD__");
