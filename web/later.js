// The second part of the program: what a first visit does without. The page loads it as soon as it is idle and hands it
// to its workers; whoever needs it before that waits for it here. See ARCHITECTURE.md, "Two files".
const address = new URL("./lastsave-later.wasm?v=__BUILD__", import.meta.url);
const onPage = typeof document === "object";

// What the first part exports, once it is there; the second part imports nothing else.
let first = () => undefined;
let module;
let joined = false;

// Whether a program was cut in two; a build in development is not.
export function isCut(program) {
  return WebAssembly.Module.imports(program).some((entry) => entry.module === "later");
}

// Whether a module is the second part, which imports from the first only.
export function isSecond(compiled) {
  return WebAssembly.Module.imports(compiled).every((entry) => entry.module === "");
}

// What the first part imports from here. It calls `load` whenever it needs the second part and has not got it.
export function join(exports) {
  first = exports;
  return { load };
}

// Compiles the second part without making anyone wait.
export async function prepare() {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address.pathname} is answered with ${response.status}`);
  return response.headers.get("content-type")?.startsWith("application/wasm")
    ? WebAssembly.compileStreaming(response)
    : WebAssembly.compile(await response.arrayBuffer());
}

// Takes the second part, compiled. The first may still be starting; then it is asked for soon enough.
export function provide(compiled) {
  module ??= compiled;
  if (first()) load();
}

function load() {
  if (joined) return;
  try {
    module ??= new WebAssembly.Module(read());
  } catch (error) {
    if (onPage) tell();
    throw new Error(`A part of the program could not be loaded (${error.message}). Reload the page when there is a network.`);
  }
  // It fills the table of functions and sets a flag of the first part, which then calls it without asking here.
  new WebAssembly.Instance(module, { "": first() });
  joined = true;
}

// Reads the file at once, because a function that has been called can not wait for a promise. Binary answers are for
// workers only; on the page it comes as a text of bytes.
function read() {
  const request = new XMLHttpRequest();
  request.open("GET", address, false);
  if (onPage) request.overrideMimeType("text/plain; charset=x-user-defined");
  else request.responseType = "arraybuffer";
  request.send();
  if (request.status !== 200) throw new Error(`${address.pathname} is answered with ${request.status}`);
  performance.mark("lastsave waited for its second part");
  return onPage ? Uint8Array.from(request.responseText, (letter) => letter.charCodeAt(0)) : request.response;
}

function tell() {
  if (document.querySelector(".newer")) return;
  const notice = document.createElement("p");
  notice.className = "newer";
  notice.setAttribute("role", "alert");
  notice.textContent = "A part of Lastsave could not be loaded. Reload the page when there is a network.";
  document.body.append(notice);
}
