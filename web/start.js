// Loads the page: an own file, because the content security policy allows no inline script.
import init from "./lastsave-web.js?v=__BUILD__";

try {
  await init({ module_or_path: new URL("./lastsave-web_bg.wasm?v=__BUILD__", import.meta.url) });
} catch (error) {
  const boot = document.getElementById("boot-text");
  if (boot) {
    boot.textContent =
      "The page could not be loaded: " + error + ". It needs a browser with WebAssembly; reload to try again.";
    boot.setAttribute("role", "alert");
  }
  throw error;
}
