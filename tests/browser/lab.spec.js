// The laboratory: crash sweeps and comparisons, in a worker of their own.
import { expect, test, violations } from "./page.js";
import { fact, idle, open, output, tab, type, verdict } from "./lab.js";

test.beforeEach(async ({ page }) => open(page));

const sweepDone = (page) => expect(page.getByRole("button", { name: "Sweep this session", exact: true }).first()).toBeVisible({ timeout: 60_000 });
const compareDone = (page) => expect(page.getByRole("button", { name: "Compare on this session" })).toBeVisible({ timeout: 60_000 });

test("only here 5: the crash sweep crashes this run at every I/O boundary, and a point opens as a scenario that comes to the same", async ({ page }) => {
  await type(page, "SHUTDOWN NOSAVE", "redis-server --appendonly yes --appendfsync everysec", "workload carts rate=50 keys=20", "advance 5s");
  await tab(page, "Sweep");
  await page.getByRole("button", { name: "Sweep this session", exact: true }).first().click();
  await sweepDone(page);
  await expect(page.locator(".lab-summary")).toContainText("crash points (every operation)");
  const power = page.getByRole("region", { name: "power", exact: true });
  await expect(power).toContainText("the policy's promise is kept");
  await power.getByRole("button", { name: "Show the worst" }).click();
  const told = await power.locator(".readout strong").textContent();
  const [acknowledged, back, lost] = told.match(/\d[\d,]*/g).map((number) => Number(number.replaceAll(",", "")));
  expect(acknowledged).toBe(back + lost);
  expect(lost).toBeGreaterThan(20);
  await expect(power.locator(".readout")).toContainText("before operation");

  // By keyboard alone: a step, back to the worst, Enter.
  const chart = power.getByRole("slider");
  await chart.focus();
  await page.keyboard.press("ArrowRight");
  await expect(chart).not.toHaveAttribute("aria-valuetext", new RegExp(told));
  await page.keyboard.press("w");
  await expect(chart).toHaveAttribute("aria-valuetext", told);
  await page.keyboard.press("Enter");
  await idle(page);
  await expect(output(page)).toContainText("is armed");
  await expect(output(page)).toContainText("Before operation");
  expect(await fact(verdict(page), "Lost")).toBe(lost);
  expect(await fact(verdict(page), "Acknowledged")).toBe(acknowledged);
  // The session before is put aside, not gone.
  await page.getByRole("button", { name: "Bring it back" }).click();
  await idle(page);
  await expect(output(page)).toContainText("$ advance 5s");
});

test("a long sweep shows how far it is, can be stopped, and the machine goes on meanwhile", async ({ page }) => {
  await type(page, "SHUTDOWN NOSAVE", "redis-server --appendonly yes --appendfsync always", "workload counters rate=400", "advance 60s");
  await tab(page, "Sweep");
  await page.getByRole("button", { name: "Sweep this session", exact: true }).first().click();
  await expect(page.getByRole("progressbar", { name: "Done" })).toBeVisible();
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await expect(page.locator(".lab-summary")).toContainText("Stopped");
  await type(page, "PING");
  await expect(output(page)).toContainText("PONG");
});

test("only here 6: the same workload under several configurations, side by side, and each column opens as a scenario", async ({ page }) => {
  await tab(page, "Compare");
  await page.getByLabel("The article’s hybrid").uncheck();
  await page.getByLabel("RDB only").check();
  await page.getByText("A configuration of your own").click();
  await page.getByLabel("Your own redis.conf").fill('save ""\nappendonly yes\nappendfsync always\n');
  await page.getByRole("button", { name: /Compare on an example/ }).click();
  await compareDone(page);
  const table = page.getByRole("table");
  await expect(table.getByRole("columnheader")).toContainText([/first/, /always/, /everysec/, /no/, /RDB only/, /Your own/]);
  const lost = table.getByRole("row", { name: /^Writes lost/ });
  await expect(lost.getByRole("cell").nth(1)).toContainText("0");
  await expect(lost.getByRole("cell").nth(1)).toContainText("best");
  await expect(lost.getByRole("cell").nth(0)).toContainText("worst");
  await expect(lost.getByRole("cell").nth(5)).toContainText("best");
  for (const name of [/^Oldest lost/, /^Recovery/, /^Append-only files/, /^Written to files/, /^Fsyncs/, /^Latency, p99/, /^Memory, peak/]) {
    await expect(table.getByRole("row", { name })).toBeVisible();
  }
  await table.getByRole("columnheader", { name: /everysec/ }).getByRole("button", { name: "Open" }).click();
  await idle(page);
  await expect(output(page)).toContainText("$ redis-server compare.conf");
  expect(await fact(verdict(page), "Acknowledged")).toBe(5_921);
});

test("the laboratory has no violation of accessibility rules, also on a phone", async ({ page }) => {
  await tab(page, "Sweep");
  expect(await violations(page)).toEqual([]);
  await page.getByRole("button", { name: /Sweep an example/ }).click();
  await sweepDone(page);
  expect(await violations(page)).toEqual([]);
  await tab(page, "Compare");
  await page.getByRole("button", { name: /Compare on an example/ }).click();
  await compareDone(page);
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await violations(page)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
});
