// Starts the same program as the page's, beside it, to run the engine there. The page sends it compiled, in two parts.
import init from "./lastsave-web.js?v=__BUILD__";
import { isSecond, provide } from "./later.js?v=__BUILD__";

// Programs are for this listener, which is the first; all else is for the program.
addEventListener("message", async (event) => {
  if (!(event.data instanceof WebAssembly.Module)) return;
  event.stopImmediatePropagation();
  try {
    if (isSecond(event.data)) return provide(event.data);
    await init({ module_or_path: event.data });
  } catch (error) {
    // Seen by the page as this worker's error.
    reportError(error);
  }
});
