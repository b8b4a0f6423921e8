// The page without a network, from any path, and what it may ask of the network.
import { brotliCompressSync, constants } from "node:zlib";
import { test as base } from "@playwright/test";
import { isQuick, mirror, site } from "./host.js";
import { expect } from "./page.js";

const test = base.extend({
  mirrored: async ({ baseURL }, use) => {
    const server = await mirror(baseURL);
    await use(server);
    await server.close();
  },
});

const terminal = (page) => page.locator('.terminal[aria-busy="false"]');

async function enter(page, line) {
  await page.locator("#line").fill(line);
  await page.locator("#line").press("Enter");
}

test("must match: offline after the first load", async ({ page, mirrored }) => {
  await page.goto(mirrored.url);
  await terminal(page).waitFor();
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    while (!navigator.serviceWorker.controller) await new Promise((resolve) => setTimeout(resolve, 20));
  });
  await mirrored.close();
  await page.reload();
  await enter(page, "SET kept offline");
  await expect(page.locator(".log")).toContainText("OK");
  // Any address of the page will do, and what the network says is wrong was not kept.
  await page.goto(`${mirrored.url}index.html?again`);
  await terminal(page).waitFor();
  const kept = await page.evaluate(async () => {
    const names = await caches.keys();
    const requests = await (await caches.open(names[0])).keys();
    const responses = await Promise.all(requests.map((request) => caches.match(request)));
    return { names, statuses: [...new Set(responses.map((response) => response.status))] };
  });
  expect(kept.names).toHaveLength(1);
  expect(kept.statuses).toEqual([200]);
});

test("a newer build is noticed, said, and used from the next reload", async ({ page, mirrored }) => {
  const controlled = () =>
    page.evaluate(async () => {
      await navigator.serviceWorker.ready;
      while (!navigator.serviceWorker.controller) await new Promise((resolve) => setTimeout(resolve, 20));
    });
  await page.goto(mirrored.url);
  await terminal(page).waitFor();
  await controlled();
  const notice = page.getByRole("status").filter({ hasText: "A newer Lastsave is here" });
  await page.reload();
  await terminal(page).waitFor();
  await expect(notice).toHaveCount(0);

  // The host gets another build: other names for everything.
  const build = /const BUILD = "(\w+)"/.exec(await (await page.request.get(`${mirrored.url}sw.js`)).text())[1];
  mirrored.change = (name, text) => text.replaceAll(build, `${build}newer`);
  await page.evaluate(() => navigator.serviceWorker.getRegistration().then((registration) => registration.update()));
  await expect(notice).toBeVisible({ timeout: 20_000 });
  await enter(page, "SET a 1");
  await expect(page.locator(".log")).toContainText("OK");
  await notice.getByRole("button", { name: "Dismiss" }).click();
  await expect(notice).toHaveCount(0);
  mirrored.requests.length = 0;
  await page.reload();
  await terminal(page).waitFor();
  // Everything is there already but for the page itself, which is of the newer build.
  expect(await page.evaluate(() => document.documentElement.outerHTML)).toContain(`${build}newer`);
  expect(mirrored.requests.filter(({ url }) => url.includes(".wasm"))).toEqual([]);
});

test("without a service worker the page works", async ({ browser, mirrored }) => {
  const context = await browser.newContext({ serviceWorkers: "block" });
  const page = await context.newPage();
  await page.goto(mirrored.url);
  await enter(page, "SET a 1");
  await expect(page.locator(".log")).toContainText("OK");
  await context.close();
});

test("must match: works from any sub-path, no SharedArrayBuffer, no third-party request, strict CSP", async ({
  page,
  mirrored,
}) => {
  const other = await site({ "/": "other" });
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  const response = await page.goto(mirrored.url);
  await terminal(page).waitFor();
  await enter(page, "SET a 1");
  await expect(page.locator(".log")).toContainText("OK");
  expect(asked.filter((url) => !url.startsWith(mirrored.url))).toEqual([]);
  expect(mirrored.requests.filter(({ url }) => !url.startsWith("/some/path/"))).toEqual([]);
  expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(false);

  const policies = [
    response.headers()["content-security-policy"],
    await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute("content"),
  ];
  for (const policy of policies) {
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self' 'wasm-unsafe-eval';");
    expect(policy).toContain("connect-src 'self';");
    expect(policy).not.toMatch(/unsafe-inline|'unsafe-eval'|\*|https?:/);
  }
  // Nothing is uploaded, and the policy makes that impossible: neither by a request nor by a picture, a form or a script.
  const refused = await page.evaluate(async (address) => {
    const seen = [];
    addEventListener("securitypolicyviolation", (event) => seen.push(event.effectiveDirective));
    const failed = await fetch(address, { method: "POST", body: "a file", mode: "no-cors" }).then(
      () => false,
      () => true,
    );
    navigator.sendBeacon(address, "a file");
    new Image().src = `${address}?a-file`;
    const form = document.body.appendChild(document.createElement("form"));
    form.action = address;
    form.submit();
    const script = document.createElement("script");
    script.textContent = "globalThis.inlined = true";
    document.head.append(script);
    await new Promise((resolve) => setTimeout(resolve, 300));
    return { failed, seen: [...new Set(seen)].sort(), inlined: Boolean(globalThis.inlined) };
  }, other.origin);
  expect(refused.failed).toBe(true);
  expect(refused.inlined).toBe(false);
  expect(refused.seen).toEqual(expect.arrayContaining(["connect-src", "form-action", "img-src", "script-src-elem"]));
  await other.close();
});

test("only here 12: one small download, offline, no backend", async ({ page, mirrored }) => {
  await page.goto(mirrored.url);
  await terminal(page).waitFor();
  await page.waitForLoadState("networkidle");
  expect([...new Set(mirrored.requests.map(({ method }) => method))]).toEqual(["GET"]);
  const files = new Map(mirrored.requests.map(({ url, body }) => [url.split("?")[0], body]));
  test.skip(isQuick, "an unoptimised build is not small");
  let [sum, later] = [0, 0];
  for (const [url, body] of files) {
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 };
    const size = brotliCompressSync(body, { params }).length;
    // It is loaded when the page has long been in use: split.spec.js.
    if (url.endsWith("-later.wasm")) later += size;
    else sum += size;
  }
  console.log(`first load: ${sum} bytes with brotli; later: ${later}; ${files.size} files`);
  // As `cargo xtask dist` holds it.
  expect(sum).toBeLessThanOrEqual(600_000);
});

test("the page takes a line soon, and stays responsive while the night runs", async ({ page }) => {
  await page.addInitScript(() => {
    globalThis.longTasks = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) globalThis.longTasks.push(Math.round(entry.duration));
    }).observe({ type: "longtask", buffered: true });
  });
  const interactive = [];
  for (let load = 0; load < 3; load++) {
    await page.goto("./");
    await terminal(page).waitFor();
    interactive.push(Math.round(await page.evaluate(() => performance.now())));
  }
  await page.evaluate(() => globalThis.longTasks.splice(0));
  const tasks = [];
  let took = Infinity;
  for (const line of ["workload sessions rate=200 keys=50000", "advance 47m"]) {
    const began = Date.now();
    await enter(page, line);
    await page.waitForTimeout(50);
    await terminal(page).waitFor();
    took = Date.now() - began;
  }
  tasks.push(...(await page.evaluate(() => globalThis.longTasks)));
  console.log(`takes a line after ${interactive.join(", ")} ms; the night took ${took} ms; tasks over 50 ms: ${tasks.join(", ") || "none"}`);
  test.skip(isQuick, "an unoptimised build is slow");
  // The aims are 1,000 ms and none over 50 ms, on a quiet machine; a test that others run beside cannot hold them.
  expect(Math.min(...interactive)).toBeLessThan(5_000);
  expect(Math.max(0, ...tasks)).toBeLessThan(1_000);
});
