// Crashes and what comes back: by typing, by buttons, and the article's nights.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "./page.js";
import { example, fact, idle, open, output, tab, type, verdict } from "./lab.js";

test.beforeEach(async ({ page }) => open(page));

test("a killed server without a log loses what it had not saved", async ({ page }) => {
  await type(page, "SET a 1", "SET b 2", "BGSAVE", "advance 1s", "SET c 3");
  await page.getByRole("button", { name: "kill -9", exact: true }).click();
  await idle(page);
  await expect(verdict(page)).toContainText("The server is down");
  await page.getByRole("button", { name: "Restart", exact: true }).click();
  await idle(page);
  expect(await fact(verdict(page), "Acknowledged")).toBe(3);
  expect(await fact(verdict(page), "Recovered")).toBe(2);
  expect(await fact(verdict(page), "Lost")).toBe(1);
  await type(page, "DBSIZE");
  await expect(output(page)).toContainText("(integer) 2");
  await tab(page, "Keys");
  await expect(page.getByRole("row", { name: /^c/ })).toContainText("gone");
});

test("a write in the page cache survives kill -9, and not a power loss", async ({ page }) => {
  await type(page, "CONFIG SET appendonly yes", "CONFIG SET appendfsync no", "advance 2s", "SET a 1");
  await expect(page.locator(".reach.kill strong")).toHaveText("0 writes");
  await expect(page.locator(".reach.power strong")).toHaveText("1 write");
  await type(page, "crash power", "redis-server --appendonly yes --appendfsync no");
  await expect(verdict(page)).toContainText("1 write lost");
});

test("every button writes the line it stands for", async ({ page }) => {
  await page.getByRole("button", { name: "+10 min" }).click();
  await page.getByRole("button", { name: "Fail saves" }).click();
  await idle(page);
  await expect(output(page)).toContainText("$ advance 10m");
  await expect(output(page)).toContainText("$ fault bgsave fail");
  await expect(page.getByRole("button", { name: "Fail saves" })).toHaveAttribute("aria-pressed", "true");
  await page.getByRole("button", { name: "Fail saves" }).click();
  await idle(page);
  await expect(output(page)).toContainText("$ fault bgsave ok");
  await expect(page.getByRole("button", { name: "Fail saves" })).toHaveAttribute("aria-pressed", "false");
});

test("the clock plays and pauses, and what was played is one line", async ({ page }) => {
  await page.getByLabel("Speed").selectOption("100");
  const now = page.locator(".time-of-day");
  const before = await now.innerText();
  await page.getByRole("button", { name: "Play the clock" }).click();
  await expect(now).not.toHaveText(before);
  await page.waitForTimeout(300);
  await page.getByRole("button", { name: "Pause the clock" }).click();
  await idle(page);
  await expect(output(page)).toContainText(/\$ advance \d+ms/);
  expect((await output(page).innerText()).match(/\$ advance/g)).toHaveLength(1);
});

// The article's nights give in the page what they give natively, by the command-line tool that LASTSAVE_NATIVE names.
const NIGHTS = [
  { title: "night as told", file: "night-as-told" },
  { title: "night as configured", file: "night-as-configured" },
  { title: "night refused", file: "night-refused" },
  { title: "hybrid configuration", file: "hybrid" },
];
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const native = process.env.LASTSAVE_NATIVE;

for (const { title, file } of NIGHTS) {
  test(`the ${title}: the same numbers and trace natively`, async ({ page }) => {
    await example(page, new RegExp(title, "i"));
    await expect(verdict(page)).toBeVisible();
    const shown = {
      acknowledged: await fact(verdict(page), "Acknowledged"),
      recovered: await fact(verdict(page), "Recovered"),
      lost: await fact(verdict(page), "Lost"),
    };
    await tab(page, "Report");
    shown.trace_hash = await fact(page.getByRole("region", { name: "Report" }), "Trace hash");
    expect(shown.acknowledged).toBe(shown.recovered + shown.lost);
    if (native) {
      const scenario = `tests/suite/article/${file}.scenario`;
      const report = JSON.parse(execFileSync(native, ["run", scenario, "--json"], { encoding: "utf8", cwd: ROOT }));
      const { acknowledged, recovered, lost, trace_hash } = report;
      expect(shown).toEqual({ acknowledged, recovered, lost, trace_hash });
    }
  });
}
