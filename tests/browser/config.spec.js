// Configurations: the article's, as printed and stripped; one parameter; dangers.
import { expect, test } from "./page.js";
import { idle, line, open, output, paste, tab, type } from "./lab.js";

test.beforeEach(async ({ page }) => open(page));

for (const preset of ["The article’s first", "The article’s hybrid"]) {
  test(`${preset} configuration: refused as printed, accepted when stripped`, async ({ page }) => {
    await tab(page, "Configuration");
    await page.getByRole("button", { name: preset }).click();
    await expect(page.locator(".own .warning")).toContainText("refuses to start");
    await page.getByRole("button", { name: "Start with it as printed" }).click();
    await idle(page);
    await expect(output(page)).toContainText("FATAL CONFIG FILE ERROR");
    await page.getByRole("button", { name: "Strip them and start" }).click();
    await idle(page);
    await expect(page.locator(".runs")).not.toContainText("no server");
    const last = (await output(page).innerText()).split("FATAL CONFIG FILE ERROR").pop();
    expect(last).toContain("Ready to accept connections");
  });
}

test("a pasted configuration is offered to be written and started", async ({ page }) => {
  await paste(page, "save 60 1000  # every minute\nappendonly yes\nappendfsync everysec # best\n");
  await page.getByRole("button", { name: "Strip them, write redis.conf, start" }).click();
  await idle(page);
  await expect(page.locator(".runs")).toContainText("AOF everysec");
});

test("a parameter is changed by the line that changes it", async ({ page }) => {
  await tab(page, "Configuration");
  await page.getByLabel("appendonly", { exact: true }).selectOption("yes");
  await idle(page);
  await expect(output(page)).toContainText("CONFIG SET appendonly yes");
  await expect(page.locator(".parameters .changed")).toContainText(["appendonly"]);
});

test("a value is read before it is sent: its meaning, or Redis's refusal", async ({ page }) => {
  await tab(page, "Configuration");
  const size = page.getByLabel(/^auto-aof-rewrite-min-size/);
  await size.fill("256mb");
  await expect(page.locator(".parameters")).toContainText("268,435,456 bytes = 256 MB");
  await size.fill("lots");
  await size.press("Enter");
  await expect(page.locator(".parameters .refused")).toContainText("argument must be a memory value");
  await expect(output(page)).not.toContainText("CONFIG SET auto-aof-rewrite-min-size");
  await size.fill("128mb");
  await size.press("Enter");
  await idle(page);
  await expect(output(page)).toContainText("CONFIG SET auto-aof-rewrite-min-size 128mb");
});

test("a parameter of the start is offered as the line that restarts with it", async ({ page }) => {
  await tab(page, "Configuration");
  const row = page.locator(".parameters li", { hasText: "rdbchecksum" }).first();
  await row.getByRole("button", { name: "Restart…" }).click();
  await expect(line(page)).toHaveValue("redis-cli SHUTDOWN && redis-server --rdbchecksum yes");
});

test("dangerous combinations say what happens", async ({ page }) => {
  await type(page, "CONFIG SET stop-writes-on-bgsave-error no");
  await tab(page, "Configuration");
  await expect(page.locator(".dangers")).toContainText("when saves fail, writes go on");
  await type(page, "SET a 1", "SAVE");
  await page.getByText("Write a configuration file").click();
  await page.getByLabel("Configuration file", { exact: true }).fill("appendonly yes");
  await expect(page.locator(".own .warning")).toContainText("Redis 7.0 starts empty");
});
