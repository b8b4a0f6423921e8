// Takes the pictures in docs/screenshots from the page that is served at LASTSAVE_URL:
//   LASTSAVE_URL=http://127.0.0.1:8080/ LASTSAVE_CHROMIUM=/usr/bin/chromium node tests/browser/screenshots.js
import { mkdirSync, writeFileSync } from "node:fs";
import { chromium } from "@playwright/test";
import { example, idle, open, tab, type } from "./lab.js";
import { withPalette } from "./palette.js";

const FOLDER = new URL("../../docs/screenshots/", import.meta.url).pathname;
const WIDE = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };

async function night(page) {
  await example(page, /as told/);
  await page.getByRole("button", { name: "Dismiss" }).click({ timeout: 500 }).catch(() => {});
}

async function bytes(page) {
  await type(
    page,
    "CONFIG SET appendonly yes",
    "CONFIG SET aof-timestamp-enabled yes",
    "workload sessions rate=200 keys=50000",
    "advance 2500ms",
  );
  await tab(page, "Files");
  await idle(page);
  await page.locator(".notes button", { hasText: "SET" }).nth(2).hover();
}

const PICTURES = [
  { name: "verdict-1440x900", viewport: WIDE, theme: "dark", prepare: night },
  { name: "verdict-light-1440x900", viewport: WIDE, theme: "light", prepare: night },
  { name: "bytes-1440x900", viewport: WIDE, theme: "dark", prepare: bytes },
  { name: "verdict-390x844", viewport: PHONE, theme: "dark", prepare: night },
];

mkdirSync(FOLDER, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.LASTSAVE_CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-lcd-text"],
});
for (const { name, viewport, theme, prepare } of PICTURES) {
  const page = await browser.newPage({ viewport, colorScheme: theme, baseURL: process.env.LASTSAVE_URL });
  await open(page);
  await prepare(page);
  writeFileSync(`${FOLDER}${name}.png`, withPalette(await page.screenshot({ animations: "disabled" })));
  await page.close();
  console.log(`${name}.png`);
}
await browser.close();
