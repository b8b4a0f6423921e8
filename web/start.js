// Loads the page: an own file, because the content security policy allows no inline script.
import init from "./lastsave-web.js?v=__BUILD__";

await init({ module_or_path: new URL("./lastsave-web_bg.wasm?v=__BUILD__", import.meta.url) });
