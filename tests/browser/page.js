// What every browser test shares: a page that fails the test if it logs an error or asks another host.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, test as base } from "@playwright/test";

export { expect };

export const test = base.extend({
  page: async ({ page, baseURL }, use) => {
    const wrong = [];
    page.on("console", (message) => {
      if (message.type() === "error") wrong.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => wrong.push(`uncaught: ${error.message}`));
    page.on("request", (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(new URL(baseURL).origin)) {
        wrong.push(`asked another host: ${request.url()}`);
      }
    });
    page.on("requestfailed", (request) => wrong.push(`failed: ${request.url()}`));
    page.on("response", (response) => {
      if (response.status() >= 400) wrong.push(`${response.status()}: ${response.url()}`);
    });
    await use(page);
    expect(wrong).toEqual([]);
  },
});

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// What axe finds wrong with the page as it is now, one line each; by all of its rules, or by these. The source is
// evaluated, not added as a script, which the page's content security policy would refuse.
export async function violations(page, ...rules) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe);
  const options = rules.length > 0 ? { runOnly: rules } : {};
  const { violations } = await page.evaluate((chosen) => globalThis.axe.run(chosen), options);
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
}
