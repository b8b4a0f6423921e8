// The page inside the pages of others: another site, policies, blocked storage, messages.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, test as base } from "@playwright/test";
import { isQuick, mirror, site } from "./host.js";
import { expect as impatient } from "./page.js";

// Two frames at once take their time on a busy machine.
const expect = impatient.configure({ timeout: 20_000 });

const SCENARIO = `# lastsave scenario 1
# A power loss
seed 1

redis-server --appendonly yes --appendfsync no
SET cart:1 books
SET cart:2 tea
crash power
redis-server --appendonly yes`;

// Notes every event of every playground, and whether the page was scrolled or lost its focus.
const RECORD = `
  globalThis.events = [];
  for (const type of ["ready", "state", "verdict", "resize", "error"]) {
    addEventListener("lastsave-" + type, ({ detail }) => events.push({ type, ...detail }));
  }`;

const test = base.extend({
  playground: async ({ baseURL }, use) => {
    const server = await mirror(baseURL);
    await use(server);
    await server.close();
  },
});

const element = (attributes = "") => `<lastsave-playground ${attributes}><pre>${SCENARIO}</pre></lastsave-playground>`;
const html = (playground, body) => `<!doctype html><html lang="en"><title>A host</title>
  <script src="${playground.url}embed.js" defer></script>
  <p><input id="own" aria-label="Mine"></p>${body}<div id="tall"></div>`;

const frame = (page, at = 0) => page.frameLocator("lastsave-playground >> iframe").nth(at);
const started = (page) =>
  expect.poll(() => page.evaluate(() => globalThis.events.some(({ type }) => type === "ready"))).toBe(true);
const seen = (page, type) =>
  page.evaluate((wanted) => globalThis.events.filter((event) => event.type === wanted), type);
const call = (page, method, ...values) =>
  page.evaluate(([name, list]) => document.querySelector("lastsave-playground")[name](...list), [method, values]);

async function open(page, playground, body, headers = {}) {
  const host = await site({ "/": { body: html(playground, body), headers } });
  await page.addInitScript(RECORD);
  await page.goto(host.origin);
  return host;
}

test("must match: embed (custom element and iframe), fallback, click to load, run, resize, events, focus not stolen", async ({
  page,
  playground,
}) => {
  const host = await open(page, playground, element('height="auto"'));
  await expect(page.locator("pre")).toBeVisible();
  await expect(page.getByRole("button", { name: /^Run this in your browser/ })).toBeVisible();
  expect(playground.requests.map(({ url }) => url)).toEqual(["/some/path/embed.js"]);
  expect(await page.getByRole("link", { name: "Open in playground" }).getAttribute("href")).toContain(
    `${playground.url}#scenario=`,
  );
  await page.locator("#own").focus();
  await call(page, "load", { scenario: SCENARIO });
  await started(page);
  await expect(page.locator("pre")).toBeHidden();
  // It waits to be run, and has left the focus and the scroll position alone.
  await expect.poll(async () => (await seen(page, "state")).at(-1)?.waiting).toBeGreaterThan(0);
  await call(page, "run");
  await expect.poll(async () => (await seen(page, "verdict")).length).toBeGreaterThan(0);
  const verdict = (await seen(page, "verdict")).at(-1);
  expect(verdict).toMatchObject({ acknowledged: 2, lost: 2 });
  expect(verdict.sentence).not.toBe("");
  expect(await page.evaluate(() => document.activeElement.id)).toBe("own");
  expect(await page.evaluate(() => scrollY)).toBe(0);
  expect((await seen(page, "resize")).at(-1).height).toBe(480);
  await page.setViewportSize({ width: 390, height: 844 });
  await expect.poll(async () => (await seen(page, "resize")).at(-1).height).not.toBe(480);

  await page.getByRole("button", { name: "Reset" }).click();
  await expect.poll(async () => (await seen(page, "state")).at(-1).waiting).toBeGreaterThan(0);
  await host.close();
});

test("must match: embed by a block of code, by an address, and with a visible error", async ({ page, playground }) => {
  const body = `<pre class="lastsave" data-readonly data-theme="dark">${SCENARIO}</pre>
    <lastsave-playground src="./none.scenario">Text</lastsave-playground>
    <lastsave-playground src="./one.scenario" autorun>Text</lastsave-playground>`;
  const host = await site({ "/": html(playground, body), "/one.scenario": SCENARIO });
  await page.addInitScript(RECORD);
  await page.goto(host.origin);
  await page.getByRole("button", { name: /^Run this/ }).nth(0).click();
  await started(page);
  const inside = frame(page);
  await expect(inside.locator("html")).toHaveAttribute("data-theme", "dark");
  await expect(inside.locator("#line")).toBeHidden();
  await page.evaluate(() => (document.querySelector("lastsave-playground").setAttribute("theme", "light")));
  await expect(inside.locator("html")).toHaveAttribute("data-theme", "light");

  await page.getByRole("button", { name: /^Run this/ }).nth(0).click();
  await expect(page.getByRole("alert").filter({ hasText: "none.scenario could not be loaded" })).toBeVisible();
  await page.getByRole("button", { name: /^Run this/ }).click();
  await expect.poll(async () => (await seen(page, "verdict")).at(-1)?.lost).toBe(2);
  await host.close();
});

test("must match: embed on a page with a strict policy, which it keeps", async ({ page, playground }) => {
  const { origin } = playground;
  const policy = `default-src 'none'; script-src ${origin}; frame-src ${origin}`;
  const wrong = [];
  page.on("console", (message) => /policy/i.test(message.text()) && wrong.push(message.text()));
  const host = await site({
    "/": { body: html(playground, element()), headers: { "content-security-policy": policy } },
    "/favicon.ico": "",
  });
  await page.goto(host.origin);
  await page.getByRole("button", { name: /^Run this/ }).click();
  await expect(frame(page).locator(".log")).toBeVisible();
  await expect(page.getByRole("button", { name: "Reset" })).toBeVisible();
  expect(wrong).toEqual([]);
  await host.close();
});

test("must match: embed twice on a page, and the program is loaded once", async ({ page, playground }) => {
  const host = await open(page, playground, element('autorun') + element('autorun'));
  for (const at of [0, 1]) {
    await page.getByRole("button", { name: /^Run this/ }).first().click();
    await expect(frame(page, at).locator(".log")).toContainText("redis-server");
  }
  await expect.poll(async () => (await seen(page, "ready")).length).toBe(2);
  const programs = playground.requests.filter(({ url }) => url.includes(".wasm"));
  // An unoptimised program is larger than what Chromium caches.
  const parts = programs.map(({ url }) => url.match(/[^/]*(?=\.wasm)/)[0]).sort();
  if (!isQuick) expect(parts).toEqual(["lastsave-later", "lastsave-web_bg"]);
  await host.close();
});

test("must match: embed without JavaScript is the text", async ({ browser, playground }) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  const host = await site({ "/": html(playground, element() + `<pre class="lastsave">${SCENARIO}</pre>`) });
  await page.goto(host.origin);
  await expect(page.locator("pre")).toHaveCount(2);
  await expect(page.locator("pre").first()).toBeVisible();
  await expect(page.locator("pre").first()).toContainText("SET cart:1 books");
  await context.close();
  await host.close();
});

test("must match: embed cross-site with storage blocked", async ({ playground }) => {
  // The person's own setting: no site may store anything.
  const profile = mkdtempSync(join(tmpdir(), "lastsave-embed-"));
  mkdirSync(join(profile, "Default"));
  const cookies = { default_content_setting_values: { cookies: 2 }, block_third_party_cookies: true };
  writeFileSync(join(profile, "Default/Preferences"), JSON.stringify({ profile: cookies }));
  const { executablePath, args } = test.info().project.use.launchOptions;
  const context = await chromium.launchPersistentContext(profile, { executablePath, args });
  try {
    const page = await context.newPage();
    const host = await open(page, playground, element("autorun"));
    await page.getByRole("button", { name: /^Run this/ }).click();
    await started(page);
    await expect.poll(async () => (await seen(page, "verdict")).at(-1)?.lost).toBe(2);
    const inner = page.frames().find((one) => one.url().startsWith(playground.url));
    const storage = await inner.evaluate(() => {
      try {
        return typeof localStorage;
      } catch (error) {
        return error.name;
      }
    });
    expect(storage).toBe("SecurityError");
    await host.close();
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
});

test("must match: host API by postMessage with origin checks", async ({ page, playground }) => {
  const command = `{ lastsave: 1, type: "enter", lines: ["SET forged 1"] }`;
  // A stranger beside the playground commands its frame, and pretends to be it.
  const stranger = await site({
    "/": `<script>addEventListener("message", () => {
      parent.frames[0].postMessage(${command}, "*");
      parent.postMessage({ lastsave: 1, type: "verdict", lost: 666 }, "*");
      parent.postMessage("done", "*");
    })</script>`,
  });
  const pages = {};
  const host = await site(pages);
  const address = `${playground.url}?embed&origins=${host.origin}#scenario=${encodeURIComponent(SCENARIO)}`;
  const body = `<iframe src="${address.replaceAll("&", "&amp;")}"></iframe><iframe src="${stranger.origin}"></iframe>
    ${element('load="view" origins="https://other.example"')}`;
  pages["/"] = html(playground, body);
  await page.addInitScript(`${RECORD}
    globalThis.heard = [];
    addEventListener("message", ({ data, origin }) => heard.push({ kind: data?.type ?? data, origin }));`);
  await page.goto(host.origin);
  const count = (kind, origin) =>
    page.evaluate((wanted) => heard.filter((one) => one.kind === wanted[0] && one.origin === wanted[1]).length, [
      kind,
      origin,
    ]);
  await expect.poll(() => count("ready", playground.origin)).toBe(2);
  await page.evaluate(() => frames[1].postMessage("go", "*"));
  await expect.poll(() => count("done", stranger.origin)).toBe(1);

  const tell = (message) => page.evaluate((sent) => frames[0].postMessage(sent, "*"), message);
  // Another version, nonsense, and a host that is not listed.
  await tell({ lastsave: 2, type: "enter", lines: ["SET forged 1"] });
  await tell("enter");
  await tell(null);
  await call(page, "enter", "SET forged 1");
  // The host that is listed is obeyed, after all of these.
  await tell({ lastsave: 1, type: "enter", lines: ["was-obeyed"] });
  const raw = page.frameLocator("iframe").first().locator(".log");
  await expect(raw).toContainText("was-obeyed");
  await expect(raw).not.toContainText("forged");
  await expect(frame(page).locator(".log")).not.toContainText("forged");
  expect(await count("state", playground.origin)).toBeGreaterThan(0);
  expect(await seen(page, "verdict")).toEqual([]);
  await stranger.close();
  await host.close();
});
