// Starts the same program as the page's, beside it, to run the engine there. The page sends it compiled.
import init from "./lastsave-web.js?v=__BUILD__";

onmessage = async ({ data }) => {
  onmessage = null;
  try {
    await init({ module_or_path: data });
  } catch (error) {
    // Seen by the page as this worker's error.
    reportError(error);
  }
};
