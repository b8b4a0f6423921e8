// The page inside the pages of others, in Firefox: policies, partitioned and blocked storage, two on one page.
import { expect as impatient, test as base } from "@playwright/test";
import { launch } from "./firefox.js";
import { isQuick, mirror, site } from "./host.js";

const expect = impatient.configure({ timeout: 30_000 });

const SCENARIO = `# lastsave scenario 1
# A power loss
seed 1

redis-server --appendonly yes --appendfsync no
SET cart:1 books
SET cart:2 tea
crash power
redis-server --appendonly yes`;

const RECORD = `globalThis.events = [];
  for (const type of ["ready", "state", "verdict", "resize", "error"]) {
    addEventListener("lastsave-" + type, ({ detail }) => events.push({ type, ...detail }));
  }`;

// Rejecting all cookies is Firefox's way to block storage; by itself it gives a frame of another site a storage of its own.
const BLOCKED = 2;

const test = base.extend({
  playground: async ({ baseURL }, use) => {
    const server = await mirror(baseURL);
    await use(server);
    await server.close();
  },
});

const element = (attributes = "") => `<lastsave-playground ${attributes}><pre>${SCENARIO}</pre></lastsave-playground>`;
const html = (playground, body) => `<!doctype html><html lang="en"><title>A host</title>
  <script src="${playground.url}record.js"></script><script src="${playground.url}embed.js" defer></script>
  <p><input id="own" aria-label="Mine"></p>${body}<div id="tall"></div>`;

// Opens a page of another site in a Firefox of its own, and presses the button of each playground on it.
async function embedded(playground, body, { preferences, headers = {} }, look) {
  playground.files = { "record.js": RECORD };
  const host = await site({ "/": { body: html(playground, body), headers }, "/favicon.ico": "" });
  const firefox = await launch(undefined, preferences);
  try {
    await firefox.goto(host.origin);
    await firefox.evaluate(`document.getElementById("own").focus()`);
    await firefox.evaluate(
      `document.querySelectorAll("lastsave-playground").forEach((one) => one.shadowRoot.querySelector("button").click())`,
    );
    const seen = async (type) =>
      JSON.parse(await firefox.evaluate(`JSON.stringify(events.filter((event) => event.type === "${type}"))`));
    // An expression in the first frame.
    const inside = async (expression) => {
      const { contexts } = await firefox.call("browsingContext.getTree", {});
      const [{ context }] = contexts[0].children;
      const { result } = await firefox.call("script.evaluate", { expression, target: { context }, awaitPromise: true });
      return result?.value;
    };
    await look({ firefox, seen, inside });
  } finally {
    await firefox.close();
    await host.close();
  }
}

const lost = async (seen) => (await seen("verdict")).map((verdict) => verdict.lost);

test("Firefox: embedded on plain HTML, it runs, sizes itself, and leaves the focus alone", async ({ playground }) => {
  test.setTimeout(120_000);
  await embedded(playground, element('autorun height="auto"'), {}, async ({ firefox, seen, inside }) => {
    await expect.poll(() => lost(seen)).toEqual([2]);
    expect(await firefox.evaluate("document.activeElement.id")).toBe("own");
    expect(await firefox.evaluate("scrollY")).toBe(0);
    await expect.poll(async () => (await seen("resize")).length).toBeGreaterThan(0);
    // Firefox's own way with frames of other sites: a storage that only they see under this page.
    expect(await inside(`localStorage.setItem("a", "1"), localStorage.getItem("a")`)).toBe("1");
    expect(await seen("error")).toEqual([]);
  });
});

test("Firefox: embedded on a page with a strict policy", async ({ playground }) => {
  test.setTimeout(120_000);
  const { origin } = playground;
  const headers = { "content-security-policy": `default-src 'none'; script-src ${origin}; frame-src ${origin}` };
  await embedded(playground, element("autorun"), { headers }, async ({ seen }) => {
    await expect.poll(() => lost(seen)).toEqual([2]);
  });
});

test("Firefox: embedded with storage blocked", async ({ playground }) => {
  test.setTimeout(120_000);
  const preferences = { "network.cookie.cookieBehavior": BLOCKED };
  await embedded(playground, element("autorun"), { preferences }, async ({ seen, inside }) => {
    await expect.poll(() => lost(seen)).toEqual([2]);
    const storage = "try { typeof localStorage } catch (error) { error.name }";
    expect(await inside(storage)).toBe("SecurityError");
  });
});

test("Firefox: embedded twice on a page, and the program is loaded once", async ({ playground }) => {
  test.setTimeout(120_000);
  await embedded(playground, element("autorun") + element("autorun"), {}, async ({ seen }) => {
    await expect.poll(() => lost(seen)).toEqual([2, 2]);
    // What comes later may be asked for by both frames before either has it.
    const programs = playground.requests.filter(({ url }) => url.includes("lastsave-web_bg.wasm"));
    if (!isQuick) expect(programs).toHaveLength(1);
  });
});

test("Firefox: a scenario that is not there, and one that is, read only", async ({ playground }) => {
  test.setTimeout(120_000);
  const body = `<lastsave-playground src="./none.scenario" autorun>Text</lastsave-playground>${element("autorun readonly")}`;
  await embedded(playground, body, {}, async ({ firefox, seen }) => {
    await expect.poll(() => lost(seen)).toEqual([2]);
    const alert = `document.querySelector("lastsave-playground").shadowRoot.querySelector("[role=alert]")?.textContent ?? ""`;
    await expect.poll(() => firefox.evaluate(alert)).toContain("could not be loaded");
  });
});
