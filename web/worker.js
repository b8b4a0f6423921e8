// Loads the same program as the page does, beside it, to run the engine there.
import init from "./lastsave-web.js?v=__BUILD__";

await init({ module_or_path: new URL("./lastsave-web_bg.wasm?v=__BUILD__", import.meta.url) });
