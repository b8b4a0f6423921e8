// Loads the page: an own file, because the content security policy allows no inline script.
//
// The program is downloaded and compiled once; the page and its workers all start from that one module. The engine's
// worker begins to load at once, beside the page.
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

function startWorker(name) {
  const worker = new Worker(new URL("./worker.js?v=__BUILD__", import.meta.url), { type: "module", name });
  missed.set(worker, []);
  worker.onmessage = ({ data }) => missed.get(worker)?.push(data);
  // If there is no program, the page says so below.
  program.then((module) => worker.postMessage(module), () => {});
  return worker;
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

try {
  early.set("lastsave engine", startWorker("lastsave engine"));
  const { default: init } = await glue;
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

// Last, so that nothing waits for it: the page keeps itself for when there is no network.
import("./offline.js?v=__BUILD__");
