// What everyone can use: no violation that axe finds, in either theme, in the states a visitor meets; and a phone.
import { expect, test, violations } from "./page.js";
import { idle, inTheme, line, open, output, tab, type, verdict } from "./lab.js";

const TABS = ["Keys", "Files", "Configuration", "Info", "Report"];

for (const theme of ["light", "dark"]) {
  test(`axe finds nothing in the ${theme} theme`, async ({ page }) => {
    await open(page);
    await inTheme(page, theme);
    expect(await violations(page)).toEqual([]);
    await type(page, "CONFIG SET appendonly yes", "advance 2s", "SET session:1 user", "SET n 1 EX 60");
    for (const name of TABS) {
      await tab(page, name);
      await idle(page);
      expect(await violations(page), name).toEqual([]);
    }
    await type(page, "crash power");
    expect(await violations(page), "down").toEqual([]);
    await type(page, "redis-server");
    await expect(verdict(page)).toContainText("lost");
    await tab(page, "Keys");
    expect(await violations(page), "verdict").toEqual([]);
    await page.getByRole("button", { name: "Examples" }).click();
    expect(await violations(page), "examples").toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Keyboard help" }).click();
    expect(await violations(page), "help").toEqual([]);
  });
}

test("everything can be reached by keyboard", async ({ page }) => {
  await open(page);
  await page.getByRole("tab", { name: "Keys" }).focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("tab", { name: "Files" })).toHaveAttribute("aria-selected", "true");
  await expect(page.getByRole("tab", { name: "Files" })).toBeFocused();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await page.keyboard.press("/");
  await expect(line(page)).toBeFocused();
});

test("the theme can be chosen, and is kept", async ({ page }) => {
  await open(page);
  const button = page.getByRole("button", { name: /^Theme/ });
  await button.click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "light");
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "light");
});

test("a page at rest has no timer", async ({ page }) => {
  await page.addInitScript(() => {
    globalThis.ticks = 0;
    for (const name of ["setTimeout", "setInterval", "requestAnimationFrame"]) {
      const original = globalThis[name].bind(globalThis);
      globalThis[name] = (...rest) => {
        globalThis.ticks += 1;
        return original(...rest);
      };
    }
  });
  await open(page);
  await page.waitForTimeout(500);
  const before = await page.evaluate(() => globalThis.ticks);
  await page.waitForTimeout(1_000);
  expect(await page.evaluate(() => globalThis.ticks)).toBe(before);
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test("nothing is wider than the screen, and the line does not zoom", async ({ page }) => {
    await open(page);
    await type(page, "SET session:1 user", "crash power", "redis-server");
    for (const name of TABS) {
      await tab(page, name);
      await idle(page);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(width, name).toBeLessThanOrEqual(390);
    }
    const size = await line(page).evaluate((input) => parseFloat(getComputedStyle(input).fontSize));
    expect(size).toBeGreaterThanOrEqual(16);
    await page.getByRole("button", { name: "Power loss" }).tap();
    await idle(page);
    await expect(output(page)).toContainText("crash power");
    expect(await violations(page)).toEqual([]);
  });
});
