// Links, files and sessions: what is opened waits, what is hostile is refused or bounded, nothing is lost unasked.
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { site } from "./host.js";
import { expect, test, violations } from "./page.js";
import { fact, idle, inTheme, open, output, tab, type, verdict } from "./lab.js";
import { linkTo } from "./links.js";

const SCENARIO = "# lastsave scenario 1\n# Two writes\nseed 7\n\nredis-server --save \"\"\n# why\nSET a 1\nSET b 2\n";
const waiting = (page) => page.getByRole("region", { name: "Lines that wait" });
const dialog = (page) => page.getByRole("dialog", { name: "Share this session" });
const native = process.env.LASTSAVE_NATIVE;

async function ping(page) {
  await type(page, "PING");
  await expect(output(page)).toContainText(/PONG|Could not connect/);
}

async function shareLink(page) {
  await page.getByRole("button", { name: "Share", exact: true }).click();
  return dialog(page).getByLabel("Link", { exact: true }).inputValue();
}

test("must match: share by URL without a backend", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await open(page);
  await type(page, "SET shared yes");
  const address = await shareLink(page);
  expect(address).toMatch(/#s=1\.[A-Za-z0-9_-]+[A-Za-z0-9]$/);
  await expect(dialog(page)).toContainText(`${address.length} characters`);
  await dialog(page).getByRole("button", { name: "Copy Link" }).click();
  await expect(dialog(page).getByRole("button", { name: "Copied Link" })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(address);
  expect(page.url()).toBe(address);
  await page.keyboard.press("Escape");
  await expect(dialog(page)).toBeHidden();
  // Once the session goes on, the address bar no longer says what it was.
  await type(page, "SET more 1");
  await expect.poll(() => page.url()).not.toContain("#");

  const other = await context.newPage();
  await other.goto(address);
  await waiting(other).getByRole("button", { name: "Run", exact: true }).click();
  await idle(other);
  await type(other, "GET shared");
  await expect(output(other)).toContainText('"yes"');
  await other.close();
});

test("must match: versioned link", async ({ page }) => {
  await open(page);
  await type(page, "SET here 1");
  await page.evaluate(() => (location.hash = "#s=2.whatever"));
  await expect(page.getByRole("alert")).toContainText("link has version 2");
  await page.getByRole("button", { name: "Dismiss" }).click();
  await page.evaluate((hash) => (location.hash = hash), linkTo(SCENARIO, "0.0.1 later=word"));
  await expect(waiting(page)).toContainText("Made with version 0.0.1");
});

test("must match: autorun is explicit, a link otherwise fills and waits", async ({ page }) => {
  await page.goto(`./${linkTo(SCENARIO)}`);
  await expect(waiting(page)).toContainText("Two writes");
  await expect(waiting(page)).toContainText("4 lines from a link, not run yet");
  await idle(page);
  await expect(output(page)).not.toContainText("redis-server");
  // What waits is shared as well.
  const shared = await shareLink(page);
  if (native) expect(execFileSync(native, ["open", shared, "--print"], { encoding: "utf8" })).toBe(SCENARIO);
  await page.keyboard.press("Escape");
  await waiting(page).getByRole("button", { name: "Run line by line" }).click();
  await idle(page);
  await expect(output(page)).toContainText("Ready to accept connections");
  await expect(waiting(page)).toContainText("3 lines from a link to go");
  await waiting(page).getByRole("button", { name: "Run", exact: true }).click();
  await expect(waiting(page)).toBeHidden();
  await idle(page);
  await type(page, "DBSIZE");
  await expect(output(page)).toContainText("(integer) 2");

  const auto = await page.context().newPage();
  await auto.goto(`./${linkTo(SCENARIO, "0.1.0 autorun tab=files")}`);
  await idle(auto);
  await expect(waiting(auto)).toBeHidden();
  await expect(auto.getByRole("tab", { name: "Files" })).toHaveAttribute("aria-selected", "true");
  await type(auto, "DBSIZE");
  await expect(output(auto)).toContainText("(integer) 2");
  await auto.close();
});

test("must match: reset with confirm, undo", async ({ page }) => {
  await open(page);
  await type(page, "SET kept yes");
  const reset = page.getByRole("button", { name: "Reset" });
  await reset.click();
  const confirm = page.getByRole("dialog", { name: /Start again/ });
  await confirm.getByRole("button", { name: "Cancel" }).click();
  await type(page, "DBSIZE");
  await expect(output(page)).toContainText("(integer) 1");
  await reset.click();
  await confirm.getByRole("button", { name: "Start again" }).click();
  await idle(page);
  await expect(output(page)).not.toContainText("kept");
  await page.getByRole("button", { name: "Bring it back" }).click();
  await idle(page);
  await type(page, "GET kept");
  await expect(output(page)).toContainText('"yes"');
});

test("must match: session survives reload, works in a partitioned or storage-less iframe", async ({ page, browser, baseURL }) => {
  await open(page);
  await type(page, "SET kept yes");
  await page.reload();
  await idle(page);
  await type(page, "GET kept");
  await expect(output(page)).toContainText('"yes"');
  // Another tab has a session of its own, and offers the last one.
  const other = await page.context().newPage();
  await open(other);
  await other.getByRole("button", { name: "Go on with it" }).click();
  await idle(other);
  await type(other, "SET kept no");
  await page.reload();
  await idle(page);
  await type(page, "GET kept");
  await expect(output(page)).toContainText('"yes"');
  await other.close();

  for (const isBlocked of [false, true]) {
    const context = await browser.newContext({ baseURL });
    const embedder = await context.newPage();
    if (isBlocked) {
      await embedder.addInitScript(() => {
        const refuse = () => {
          throw new DOMException("blocked", "SecurityError");
        };
        for (const name of ["sessionStorage", "localStorage"]) Object.defineProperty(window, name, { get: refuse });
        IDBFactory.prototype.open = refuse;
      });
    }
    // Another site: cookies and storage of the frame are not those of the page itself.
    const host = await site({ "/": "<!doctype html><title>A host</title><link rel=icon href=data:,><body>" });
    await embedder.goto(host.origin);
    const errors = [];
    embedder.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    embedder.on("pageerror", (error) => errors.push(error.message));
    await embedder.evaluate((src) => {
      const frame = Object.assign(document.createElement("iframe"), { src, width: 1000, height: 700 });
      document.body.replaceChildren(frame);
    }, baseURL);
    const frame = embedder.frameLocator("iframe");
    await expect(frame.getByRole("log", { name: "Output" })).toContainText("Ready to accept connections", { timeout: 30_000 });
    await frame.locator("#line").fill("PING");
    await frame.locator("#line").press("Enter");
    await expect(frame.getByRole("log", { name: "Output" })).toContainText("PONG");
    expect(errors).toEqual([]);
    await context.close();
    await host.close();
  }
});

test("must match: import and export of files: a session as a scenario file and back", async ({ page }) => {
  await open(page);
  await type(page, "SET exported yes");
  await page.getByRole("button", { name: "Share", exact: true }).click();
  await dialog(page).getByLabel("Title").fill("My night");
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    dialog(page).getByRole("button", { name: "Download as a file" }).click(),
  ]);
  expect(file.suggestedFilename()).toBe("my-night.scenario");
  const text = readFileSync(await file.path(), "utf8");
  expect(text).toContain("# lastsave scenario 1\n# My night\n");
  expect(text).toContain("SET exported yes\n");
  await page.getByLabel("Scenario file").setInputFiles({ name: "my-night.scenario", mimeType: "text/plain", buffer: Buffer.from(text) });
  await expect(dialog(page)).toBeHidden();
  await expect(waiting(page)).toContainText("from my-night.scenario, not run yet");
  await waiting(page).getByRole("button", { name: "Discard" }).click();
  await idle(page);
  await type(page, "GET exported");
  await expect(output(page)).toContainText('"yes"');
});

test("only here 8: a link gives the same trace in the page and natively", async ({ page }) => {
  await page.goto(`./${linkTo(readFileSync(scenarioPath("faults/fork"), "utf8").split("\n---\n")[0] + "\n", "0.1.0 autorun")}`);
  await idle(page);
  await tab(page, "Report");
  const shown = (await fact(page.getByRole("region", { name: "Report" }), "Trace hash")).toString().slice(0, 16);
  expect(shown).toMatch(/^[0-9a-f]{16}$/);
  if (native) {
    const report = JSON.parse(execFileSync(native, ["open", page.url(), "--json"], { encoding: "utf8" }));
    expect(shown).toBe(report.trace_hash);
  }
});

function scenarioPath(name) {
  return fileURLToPath(new URL(`../suite/${name}.scenario`, import.meta.url));
}

test("the share dialogue and the lines that wait are clean, by keyboard, on a phone too", async ({ page }) => {
  for (const theme of ["light", "dark"]) {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(`./?${theme}${linkTo(SCENARIO)}`);
    await idle(page);
    await inTheme(page, theme);
    expect(await violations(page)).toEqual([]);
    await page.getByRole("button", { name: "Share", exact: true }).focus();
    await page.keyboard.press("Enter");
    await expect(dialog(page)).toBeVisible();
    expect(await violations(page)).toEqual([]);
    const box = await dialog(page).boundingBox();
    expect(box.x).toBeGreaterThanOrEqual(0);
    expect(box.x + box.width).toBeLessThanOrEqual(390);
    await page.keyboard.press("Escape");
    await expect(page.getByRole("button", { name: "Share", exact: true })).toBeFocused();
  }
});

test("a long session is offered as a file", async ({ page }) => {
  await open(page);
  const lines = Array.from({ length: 300 }, (_, at) => `SET key:${at} ${(at * 7919) % 9973}x${(at * 31) % 977}`);
  await page.evaluate((hash) => (location.hash = hash), linkTo(`${SCENARIO}${lines.join("\n")}\n`, "0.1.0 autorun"));
  await idle(page);
  await page.getByRole("button", { name: "Share", exact: true }).click();
  await expect(dialog(page)).toContainText("Some chats cut links of more than 2,000; a file is safer.");
});

// Each file: what becomes of it, then the link. What is refused leaves the session as it was.
const HOSTILE = fileURLToPath(new URL("../hostile/links/", import.meta.url));
for (const name of readdirSync(HOSTILE).sort()) {
  test(`a hostile link ends in a message, and the page lives: ${name}`, async ({ page }) => {
    test.setTimeout(180_000);
    const [what, hash] = readFileSync(HOSTILE + name, "utf8").trim().split("\n");
    const [kind, words] = what.split(": ");
    await open(page);
    await type(page, "SET before 1");
    await page.evaluate((link) => (location.hash = link), hash);
    if (kind === "refused") {
      await expect(page.getByRole("alert")).toContainText(words);
      await type(page, "GET before");
      await expect(output(page)).toContainText('"1"');
    } else if (kind === "waits") {
      await expect(waiting(page)).toContainText(words);
      await waiting(page).getByRole("button", { name: "Run", exact: true }).click();
      await idle(page, 120_000);
      expect(await page.evaluate(() => globalThis.pwned)).toBeUndefined();
      expect(await page.locator("img, iframe, .log script").count()).toBe(0);
    } else {
      await expect(page.getByRole("alert")).toContainText(words, { timeout: 120_000 });
      await page.getByRole("alert").getByRole("button", { name: "Stop" }).click();
      await idle(page);
    }
    await ping(page);
  });
}

test("a link as long as an address may be is refused", async ({ page }) => {
  await open(page);
  await page.evaluate(() => (location.hash = `#s=1.${"A".repeat(1_900_000)}`));
  await expect(page.getByRole("alert")).toContainText("too large for a link");
  await ping(page);
});
