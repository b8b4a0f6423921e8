// The program in two files: a first visit needs the first only, and whatever needs the second gets it.
import { test } from "@playwright/test";
import { isQuick, mirror } from "./host.js";
import { idle, line, output, tab, type, whole } from "./lab.js";
import { expect } from "./page.js";
import { tour } from "./tour.js";

test.skip(isQuick, "an unoptimised build is one file");

const LATER = "**/lastsave-later.wasm*";
const WAITED = "lastsave waited for its second part";

// Who had to wait for the second part: the page, its workers.
async function waited(page) {
  const marks = (name) => performance.getEntriesByName(name).length;
  return Promise.all([page, ...page.workers()].map((place) => place.evaluate(marks, WAITED)));
}

async function open(page) {
  await page.goto("./");
  await idle(page);
  await expect(output(page)).toContainText("Ready to accept connections");
}

// Once, on a machine with far too much to do, the page never came up here. That is not understood, and was not seen again;
// a second attempt is reported as flaky.
test.describe.configure({ retries: 1 });

test("a first visit runs without the second file", async ({ browser, baseURL }) => {
  test.slow();
  // As in the recorded tours.
  const viewport = { width: 1440, height: 900 };
  const context = await browser.newContext({ baseURL, viewport, serviceWorkers: "block" });
  const page = await context.newPage();
  const asked = [];
  await context.route(LATER, async (route) => {
    asked.push(route.request().resourceType());
    // It is on its way for as long as the visit takes.
    if (asked.length > 1) await route.continue();
  });
  await page.goto("./");
  await tour(page);
  expect(await waited(page)).toEqual([0, 0]);
  expect(asked).toEqual(["fetch"]);
  await context.close();
});

test("what needs the second file before it has come gets it at once, on the page and in the worker", async ({
  browser,
  baseURL,
}) => {
  const context = await browser.newContext({ baseURL, serviceWorkers: "block" });
  const page = await context.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  let asked = 0;
  await context.route(LATER, async (route) => {
    asked += 1;
    // The one that is loaded in good time never arrives.
    if (asked > 1) await route.continue();
  });
  await open(page);
  await expect.poll(() => asked).toBe(1);
  await type(page, "XADD s 1-1 f v", "XRANGE s - +", "SAVE", "inspect dump.rdb");
  await expect(output(page)).toContainText("1-1");
  expect(await waited(page)).toEqual([0, 1]);
  await tab(page, "Files");
  await expect(page.getByRole("tabpanel")).toContainText("dump.rdb");
  expect(await waited(page)).toEqual([1, 1]);
  expect(wrong).toEqual([]);
  await context.close();
});

test("without the second file the page says so, and is whole again after a reload", async ({ browser, baseURL }) => {
  const context = await browser.newContext({ baseURL, serviceWorkers: "block" });
  const page = await context.newPage();
  await context.route(LATER, (route) => route.abort());
  await open(page);
  await page.getByRole("tab", { name: "Files" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "could not be loaded" })).toBeVisible();
  await context.unroute(LATER);
  await page.reload();
  await idle(page);
  await whole(page);
  await tab(page, "Files");
  await expect(page.getByRole("tabpanel")).toContainText("The disk is empty");
  await context.close();
});

test("offline, whatever the second file is for works too", async ({ page, baseURL }) => {
  const server = await mirror(baseURL);
  await page.goto(server.url);
  await idle(page);
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    while (!navigator.serviceWorker.controller) await new Promise((resolve) => setTimeout(resolve, 20));
  });
  await server.close();
  await page.reload();
  await idle(page);
  // At once, from the copy, and again once it has come.
  await tab(page, "Files");
  await expect(page.getByRole("tabpanel")).toContainText("The disk is empty");
  await whole(page);
  await line(page).fill("PFADD h a b c");
  await line(page).press("Enter");
  await idle(page);
  await type(page, "SAVE", "inspect dump.rdb");
  await expect(output(page)).toContainText("HYLL");
});
