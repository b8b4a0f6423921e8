// The verdict on every single write, in the report tab.
import { expect, test, violations } from "./page.js";
import { open, tab, type } from "./lab.js";

const writes = (page) => page.getByRole("region", { name: "Writes" });
const filter = (page, name) => writes(page).getByRole("group", { name: "Which writes" }).getByRole("button", { name });

test.beforeEach(async ({ page }) => open(page));

test("only here 7: a verdict on every acknowledged write, and how long before which fsync a lost one was", async ({ page }) => {
  await type(page, "SHUTDOWN NOSAVE", "rm dump.rdb", "redis-server --appendonly yes");
  await type(page, "SET kept 1", "advance 2500ms", "SET synced 1", "advance 10ms", "SET lost 2");
  await tab(page, "Report");
  await expect(writes(page).getByRole("row", { name: /SET lost/ })).toContainText("Exposed to a power loss: written at");
  await expect(writes(page).getByRole("row", { name: /SET kept/ })).toContainText(/Durable: synced at 02:30/);
  await type(page, "crash power", "redis-server --appendonly yes", "SET since 3");
  await expect(filter(page, "Lost")).toHaveText("Lost 1");
  await filter(page, "Lost").click();
  await expect(writes(page).getByRole("row")).toHaveCount(2);
  await expect(writes(page).getByRole("row", { name: /SET lost/ })).toContainText(
    /Lost: acknowledged .* before the next fsync would have ended/,
  );
  await filter(page, "Kept").click();
  await expect(writes(page).getByRole("row", { name: /SET kept/ })).toContainText(/Kept: synced at .* after its reply/);
  await filter(page, "Exposed").click();
  await expect(writes(page).getByRole("row", { name: /SET since/ })).toBeVisible();
  expect(await violations(page)).toEqual([]);
});

test("a write leads to its key and to its bytes", async ({ page }) => {
  await type(page, "SHUTDOWN NOSAVE", "redis-server --appendonly yes", "SET first 1", "SET second 2", "advance 2s");
  await tab(page, "Report");
  await writes(page).getByRole("button", { name: "second" }).click();
  await expect(page.getByRole("tab", { name: "Keys" })).toHaveAttribute("aria-selected", "true");
  await expect(page.getByRole("row", { name: /second/ })).toBeVisible();
  await expect(page.getByRole("row", { name: /first/ })).toHaveCount(0);
  await tab(page, "Report");
  await writes(page).getByRole("row", { name: /SET second/ }).getByRole("button", { name: "bytes" }).click();
  await expect(page.getByRole("tab", { name: "Files" })).toHaveAttribute("aria-selected", "true");
});

test("half a million writes are paged", async ({ page }) => {
  await type(page, "workload sessions rate=20000", "advance 5s", "workload off");
  await tab(page, "Report");
  await expect(page.locator("#writes-range")).toHaveText("1–50 of 100,000");
  await page.getByRole("button", { name: "Last writes" }).click();
  await expect(page.locator("#writes-range")).toHaveText("99,951–100,000 of 100,000");
  await expect(writes(page).getByRole("row").last()).toContainText("100,000");
  await page.getByRole("button", { name: "Writes before" }).click();
  await expect(writes(page).getByRole("row").last()).toContainText("99,950");
});
