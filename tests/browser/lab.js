// What the tests of the page do in it: type lines, wait for the machine, read what it says.
import { expect } from "./page.js";

// Opens the page and waits for its first server.
export async function open(page) {
  await page.goto("./");
  await idle(page);
  await expect(output(page)).toContainText("Ready to accept connections");
}

// Waits until every line has been carried out.
export async function idle(page, timeout = 30_000) {
  await expect(page.getByRole("region", { name: "Terminal" })).toHaveAttribute("aria-busy", "false", { timeout });
}

// Waits until the second part of the program is there, and with it all that the page asks of the network.
export async function whole(page) {
  await page.waitForFunction(() => performance.getEntriesByName("lastsave whole").length > 0);
}

export const output = (page) => page.getByRole("log", { name: "Output" });
export const line = (page) => page.locator("#line");
export const verdict = (page) => page.getByRole("region", { name: "Verdict" });

// Types lines, each as a person would, and waits for the last to be carried out.
export async function type(page, ...lines) {
  for (const text of lines) {
    await line(page).fill(text);
    await line(page).press("Enter");
  }
  await idle(page);
}

// Pastes a text into the terminal's line.
export async function paste(page, text) {
  await line(page).focus();
  await page.evaluate((pasted) => {
    const data = new DataTransfer();
    data.setData("text/plain", pasted);
    const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
    document.getElementById("line").dispatchEvent(event);
  }, text);
}

export async function tab(page, name) {
  await page.getByRole("tab", { name }).click();
}

// A definition in the verdict or the report: the value beside a name, as a number where it is one.
export async function fact(region, name) {
  const row = region.locator("dl > div").filter({ has: region.page().locator("dt", { hasText: new RegExp(`^${name}$`) }) });
  const text = (await row.locator("dd").innerText()).trim();
  return /^[\d,]+$/.test(text) ? Number(text.replaceAll(",", "")) : text;
}

// Chooses an entry of the examples menu and waits for its end.
export async function example(page, title) {
  await page.getByRole("button", { name: "Examples" }).click();
  await page.locator("#examples").getByRole("button", { name: title }).click();
  await idle(page, 60_000);
}

// What axe is asked to look at: the page in each theme.
export async function inTheme(page, theme) {
  await page.evaluate((name) => document.documentElement.setAttribute("data-theme", name), theme);
}
