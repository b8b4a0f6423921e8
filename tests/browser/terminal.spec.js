// The terminal: commands, history, search, completion, paste, interrupt.
import { expect, test } from "./page.js";
import { REPLIES } from "./replies.js";
import { idle, line, open, output, paste, type } from "./lab.js";

test.beforeEach(async ({ page }) => open(page));

test("commands answer in redis-cli's words", async ({ page }) => {
  await type(page, "SET cart:1 books", "GET cart:1", "INCR cart:1", "redis-cli NOSUCH");
  await expect(output(page)).toContainText('OK\n');
  await expect(output(page)).toContainText('"books"');
  await expect(output(page)).toContainText("(error) ERR value is not an integer or out of range");
  await expect(output(page)).toContainText("(error) ERR unknown command 'NOSUCH', with args beginning with:");
});

test("must match: redis-cli replies to the byte, as a real redis-cli prints them", async ({ page }) => {
  await type(page, "redis-cli");
  await expect(page.locator(".entry .prompt")).toHaveText("127.0.0.1:6379> ");
  const wrong = [];
  for (const [command, reply] of REPLIES) {
    const before = (await output(page).textContent()).length;
    await type(page, command);
    const shown = (await output(page).textContent()).slice(before);
    if (shown !== `127.0.0.1:6379> ${command}\n${reply}`) wrong.push({ command, reply, shown });
  }
  expect(wrong).toEqual([]);
});

test("must match: history ↑↓ and Ctrl+R, with a prompt that says so", async ({ page }) => {
  await type(page, "SET a 1", "SET b 2", "GET a");
  const input = line(page);
  const prompt = page.locator(".entry .prompt");
  await input.press("ArrowUp");
  await input.press("ArrowUp");
  await expect(input).toHaveValue("SET b 2");
  await input.press("ArrowDown");
  await expect(input).toHaveValue("GET a");
  await input.fill("");
  await input.press("Control+r");
  await expect(prompt).toHaveText(/reverse-i-search/);
  await input.pressSequentially("SET");
  await expect(page.locator(".ghost .hint")).toContainText("SET b 2");
  await input.press("Control+r");
  await expect(page.locator(".ghost .hint")).toContainText("SET a 1");
  await input.press("ArrowRight");
  await expect(input).toHaveValue("SET a 1");
  await input.fill("");
  await input.press("Control+r");
  await input.pressSequentially("nowhere");
  await expect(prompt).toHaveText(/failed/);
  await input.press("Escape");
  await expect(prompt).toHaveText("$ ");
});

test("the history is there again after a reload", async ({ page }) => {
  await type(page, "SET a 1");
  await page.reload();
  await idle(page);
  await line(page).press("ArrowUp");
  await expect(line(page)).toHaveValue("SET a 1");
});

test("must match: history: the keys of a shell move in the line and cut it", async ({ page }) => {
  const input = line(page);
  await input.fill("SET cart:1 books and more");
  await input.press("Control+a");
  await input.press("Control+e");
  await input.press("Control+w");
  await expect(input).toHaveValue("SET cart:1 books and ");
  for (let back = 0; back < 5; back += 1) await input.press("ArrowLeft");
  await input.press("Control+k");
  await expect(input).toHaveValue("SET cart:1 books");
  await input.press("Home");
  await input.press("ArrowRight");
  await input.press("Control+u");
  await expect(input).toHaveValue("ET cart:1 books");
});

test("must match: history, Tab completion with a list, argument hints as in redis-cli", async ({ page }) => {
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
  await expect(page.locator(".ghost .hint")).toHaveText("key seconds [NX|XX|GT|LT]");
  await input.fill("SET k v ");
  await expect(page.locator(".ghost .hint")).toHaveText(
    "[NX|XX] [GET] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]",
  );
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

test("must match: history, native paste: lines are entered one after the other, the rest stays in the line", async ({ page }) => {
  await paste(page, "SET p:1 one\r\nSET p:2 two\nGET p:1\nGET p:2");
  await idle(page);
  await expect(output(page)).toContainText('"one"');
  await expect(output(page)).not.toContainText('"two"');
  await expect(line(page)).toHaveValue("GET p:2");
});

test("must match: history, Ctrl+L clears the screen, Ctrl+C the line", async ({ page }) => {
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

test("a reset can be taken back", async ({ page }) => {
  await type(page, "SET kept yes");
  await page.getByRole("button", { name: "Reset" }).click();
  await page.getByRole("button", { name: "Start again" }).click();
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

test("the log keeps a bounded number of pieces, and is silent for a screen reader", async ({ page }) => {
  await expect(output(page)).toHaveAttribute("aria-live", "off");
  await type(page, "DBSIZE");
  await expect(page.locator(".terminal [role=status]").first()).toContainText("(integer) 0");
  await type(page, "workload sessions rate=20000 keys=20000", "advance 2s", "workload off", "KEYS *");
  await idle(page);
  await expect(page.locator(".terminal [role=status]").first()).toContainText(/lines\. The last:/);
  const pieces = await output(page).evaluate((log) => [log.childElementCount, log.textContent.length]);
  expect(pieces[0]).toBeLessThanOrEqual(6_000);
  expect(pieces[1]).toBeLessThanOrEqual(1_000_000);
});

test("output can be marked and copied", async ({ page }) => {
  await type(page, "ECHO copy-me");
  const marked = await output(page).evaluate((log) => {
    getSelection().selectAllChildren(log);
    return getSelection().toString();
  });
  expect(marked).toContain('"copy-me"');
});

test.describe("with a phone's keyboard", () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test("must match: history, mobile keyboard: a pre and an input that does not correct, capitalise or zoom", async ({ page }) => {
    expect(await output(page).evaluate((log) => log.tagName)).toBe("PRE");
    const input = line(page);
    for (const [name, value] of [
      ["autocapitalize", "none"],
      ["autocomplete", "off"],
      ["autocorrect", "off"],
      ["spellcheck", "false"],
      ["enterkeyhint", "send"],
      ["type", "text"],
    ]) {
      await expect(input).toHaveAttribute(name, value);
    }
    await input.tap();
    await expect(input).toBeFocused();
    await page.keyboard.insertText("SET k typed-by-thumb");
    await page.keyboard.press("Enter");
    await idle(page);
    await type(page, "GET k");
    await expect(output(page)).toContainText('"typed-by-thumb"');
  });
});
