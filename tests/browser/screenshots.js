// Takes the pictures in docs/screenshots from the page that is served at LASTSAVE_URL, twelve states at three sizes:
//   LASTSAVE_URL=http://127.0.0.1:8080/ LASTSAVE_CHROMIUM=/usr/bin/chromium node tests/browser/screenshots.js [state …]
// They go elsewhere with LASTSAVE_PICTURES=FOLDER, and are of the other theme with LASTSAVE_THEME=light.
import { mkdirSync, writeFileSync } from "node:fs";
import { chromium } from "@playwright/test";
import { example, idle, open, tab, type } from "./lab.js";
import { withPalette } from "./palette.js";

const FOLDER = process.env.LASTSAVE_PICTURES ?? new URL("../../docs/screenshots", import.meta.url).pathname;
const THEME = process.env.LASTSAVE_THEME ?? "dark";
const SIZES = [
  [1440, 900],
  [1024, 768],
  [390, 844],
];
const LOAD = "workload sessions rate=200 keys=50000";
const NIGHT = ["CONFIG SET save '60 10000'", "CONFIG SET stop-writes-on-bgsave-error no", "fault bgsave fail", LOAD];

// The part of the page that a state is about; on a phone it is brought into view.
const MACHINE = ".layers";
const PANEL = ".tabs";

async function running(page) {
  await type(page, "CONFIG SET appendonly yes", LOAD, "advance 12s");
}

async function night(page) {
  await example(page, /as told/);
  await page.locator(".toast").getByRole("button", { name: "Dismiss" }).click({ timeout: 500 }).catch(() => {});
}

async function keys(page) {
  await type(page, "CONFIG SET save ''", "workload mixed rate=200 keys=600", "advance 3s", "SAVE");
  await type(page, "HSET profile:7 name Ada plan team", "RPUSH queue:mail 1 2 3", "advance 2500ms", "crash power", "redis-server");
  await tab(page, "Keys");
  await page.getByRole("button", { name: "Keys that differ" }).click();
  await page.getByRole("row", { name: /changed$|changed/ }).first().getByRole("button").click();
  await page.locator(".detail").waitFor();
}

async function bytes(page) {
  await type(page, "CONFIG SET appendonly yes", "CONFIG SET aof-timestamp-enabled yes", LOAD, "advance 2500ms");
  await tab(page, "Files");
  await idle(page);
  await page.getByRole("treeitem", { name: /SET session/ }).nth(2).hover({ force: true, timeout: 5_000 });
}

async function configuration(page) {
  await type(page, "CONFIG SET appendonly yes", "CONFIG SET no-appendfsync-on-rewrite yes");
  await tab(page, "Configuration");
  await page.locator(".parameters li").first().waitFor();
}

async function alerts(page) {
  await type(page, ...NIGHT, "advance 8m");
  await tab(page, /Info/);
  await page.locator(".alerts li.firing").first().waitFor();
}

async function report(page) {
  await night(page);
  // In a low window it is folded already.
  const fold = page.getByRole("button", { name: "Fold" });
  if (await fold.isVisible()) await fold.click();
  await tab(page, "Report");
  await page.locator(".writes").evaluate((element) => {
    const scrolled = element.closest(".scroll");
    scrolled.scrollTop = element.offsetTop - scrolled.offsetTop - scrolled.clientHeight / 3;
  });
}

// Sweeps and comparisons run in their own worker: they are over when their progress is gone.
async function lab(page, name) {
  await type(page, "SHUTDOWN NOSAVE", "redis-server --appendonly yes", "workload carts rate=200 keys=500", "advance 5s");
  await tab(page, name);
  await page.locator("#panel .bar button.primary").click();
  await page.locator("#panel .lab-summary").waitFor({ timeout: 60_000 });
  await page.locator("#panel progress").waitFor({ state: "detached", timeout: 240_000 });
}

async function lesson(page) {
  await page.getByRole("button", { name: "Lessons" }).click();
  await page.locator("#lessons .example").first().click();
  await idle(page);
}

const STATES = [
  { name: "01-fresh", prepare: async () => {} },
  { name: "02-running", prepare: running },
  { name: "03-before-the-crash", prepare: (page) => type(page, ...NIGHT, "advance 47m") },
  { name: "04-verdict", prepare: night, phone: MACHINE, light: true },
  { name: "05-keys", prepare: keys, phone: PANEL },
  { name: "06-bytes", prepare: bytes, phone: PANEL },
  { name: "07-configuration", prepare: configuration, phone: PANEL },
  { name: "08-alerts", prepare: alerts, phone: PANEL },
  { name: "09-report", prepare: report, phone: PANEL },
  { name: "10-sweep", prepare: (page) => lab(page, "Sweep"), phone: PANEL },
  { name: "11-compare", prepare: (page) => lab(page, "Compare"), phone: PANEL },
  { name: "12-lesson", prepare: lesson, light: true },
];

mkdirSync(FOLDER, { recursive: true });
const only = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.LASTSAVE_CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-lcd-text"],
});
const failed = [];
for (const { name, prepare, phone, light } of STATES) {
  if (only.length > 0 && !only.some((wanted) => name.includes(wanted))) continue;
  for (const [width, height] of SIZES) {
    const context = await browser.newContext({
      viewport: { width, height },
      // The twelve are dark but for two, so that both themes are seen.
      colorScheme: light && width === 1024 ? "light" : THEME,
      hasTouch: width < 500,
      isMobile: width < 500,
      baseURL: process.env.LASTSAVE_URL,
    });
    const page = await context.newPage();
    try {
      await open(page);
      await prepare(page);
      if (phone && width < 500) {
        await page.locator(phone).first().evaluate((element) => {
          const header = document.querySelector(".top").offsetHeight;
          scrollTo(0, element.getBoundingClientRect().top + scrollY - header);
        });
      }
      await page.waitForTimeout(150);
    } catch (error) {
      failed.push(`${name}-${width}x${height}: ${error.message.split("\n")[0]}`);
    }
    const png = withPalette(await page.screenshot({ animations: "disabled" }));
    writeFileSync(`${FOLDER}/${name}-${width}x${height}.png`, png);
    await context.close();
    console.log(`${name}-${width}x${height}.png ${Math.round(png.length / 1024)} KB`);
  }
}
await browser.close();
if (failed.length > 0) {
  console.error(failed.join("\n"));
  process.exitCode = 1;
}
