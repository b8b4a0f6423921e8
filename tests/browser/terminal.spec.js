// The terminal: commands, history, search, completion, paste, interrupt.
import { expect, test } from "./page.js";
import { idle, line, open, output, paste, type } from "./lab.js";

test.beforeEach(async ({ page }) => open(page));

test("commands answer in redis-cli's words", async ({ page }) => {
  await type(page, "SET cart:1 books", "GET cart:1", "INCR cart:1", "redis-cli NOSUCH");
  await expect(output(page)).toContainText('OK\n');
  await expect(output(page)).toContainText('"books"');
  await expect(output(page)).toContainText("(error) ERR value is not an integer or out of range");
  await expect(output(page)).toContainText("(error) ERR unknown command 'NOSUCH', with args beginning with:");
});

test("the arrows go through the history, Ctrl+R searches it", async ({ page }) => {
  await type(page, "SET a 1", "SET b 2", "GET a");
  const input = line(page);
  await input.press("ArrowUp");
  await input.press("ArrowUp");
  await expect(input).toHaveValue("SET b 2");
  await input.press("ArrowDown");
  await expect(input).toHaveValue("GET a");
  await input.fill("");
  await input.press("Control+r");
  await input.pressSequentially("SET");
  await input.press("Control+r");
  await input.press("ArrowRight");
  await expect(input).toHaveValue("SET a 1");
});

test("Tab completes, hints show what comes next", async ({ page }) => {
  const input = line(page);
  await input.pressSequentially("CONFIG SET append");
  await expect(page.locator(".candidates")).toContainText("appendfsync");
  await input.press("Tab");
  await input.press("Tab");
  await expect(input).toHaveValue(/^CONFIG SET append(only|fsync|dirname|filename)$/);
  await input.fill("CONFIG SET appendfs");
  await expect(page.locator(".ghost .hint")).toHaveText(/^ync/);
  await input.press("Tab");
  await expect(input).toHaveValue("CONFIG SET appendfsync ");
  await input.fill("EXPIRE ");
  await expect(page.locator(".ghost .hint")).toContainText("seconds");
});

test("Tab does not trap the keyboard", async ({ page }) => {
  const input = line(page);
  await input.fill("");
  await input.press("Tab");
  await expect(input).not.toBeFocused();
  await input.pressSequentially("CONFIG SET append");
  await expect(page.locator(".candidates")).toBeVisible();
  await input.press("Escape");
  await input.press("Tab");
  await expect(input).not.toBeFocused();
});

test("pasted lines are entered one after the other, the rest stays in the line", async ({ page }) => {
  await paste(page, "SET p:1 one\r\nSET p:2 two\nGET p:1\nGET p:2");
  await idle(page);
  await expect(output(page)).toContainText('"one"');
  await expect(output(page)).not.toContainText('"two"');
  await expect(line(page)).toHaveValue("GET p:2");
});

test("Ctrl+L clears the screen, Ctrl+C the line", async ({ page }) => {
  await type(page, "PING");
  await expect(output(page)).toContainText("PONG");
  await line(page).press("Control+l");
  await expect(output(page)).not.toContainText("PONG");
  await line(page).fill("half a li");
  await line(page).press("Control+c");
  await expect(line(page)).toHaveValue("");
});

test("what runs for long shows its progress, and Stop stops it", async ({ page }) => {
  await type(page, "workload sessions rate=20000 keys=50000");
  await line(page).fill("advance 24h");
  await line(page).press("Enter");
  const stop = page.getByRole("button", { name: "Stop" });
  await expect(stop).toBeVisible();
  await expect(page.getByRole("progressbar")).toBeVisible();
  const before = Date.now();
  await stop.click();
  await idle(page, 1_000);
  expect(Date.now() - before).toBeLessThan(1_000);
  await expect(stop).toBeHidden();
  await type(page, "PING");
  await expect(output(page)).toContainText("PONG");
});

test("a reset can be undone", async ({ page }) => {
  await type(page, "SET kept yes");
  await page.getByRole("button", { name: "Reset" }).click();
  await idle(page);
  await type(page, "DBSIZE");
  await expect(output(page)).toContainText("(integer) 0");
  await page.getByRole("button", { name: "Bring it back" }).click();
  await idle(page);
  await type(page, "GET kept");
  await expect(output(page)).toContainText('"yes"');
});

test("a session survives a reload", async ({ page }) => {
  await type(page, "SET kept yes", "advance 10s");
  await page.reload();
  await idle(page);
  await expect(output(page)).toContainText("$ advance 10s");
  await type(page, "GET kept");
  await expect(output(page)).toContainText('"yes"');
});
