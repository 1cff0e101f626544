// What every test starts from: a server, and a page whose errors fail the test.

import { AxeBuilder } from "@axe-core/playwright";
import { type Page, expect, test as base } from "@playwright/test";
import { Server } from "./server.ts";

interface TestFixtures {
  /** A server for this test alone, for those that kill it or count what it holds. */
  ownServer: Server;
  /** Errors that the page has reported so far; none may be left at the end, so a test that expects some empties it. */
  pageErrors: string[];
}

interface WorkerFixtures {
  /** A server that the tests of one worker share. */
  server: Server;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  server: [
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.dispose();
    },
    { scope: "worker" },
  ],

  ownServer: async ({}, use) => {
    const server = await Server.start();
    await use(server);
    await server.dispose();
  },

  baseURL: async ({ server }, use) => use(server.url),

  pageErrors: [
    async ({ page }, use) => {
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(`${error.name}: ${error.message}`));
      page.on("console", (message) => {
        if (message.type() === "error") errors.push(`console: ${message.text()} (${message.location().url})`);
      });
      await use(errors);
      expect(errors, "errors that the page has reported").toEqual([]);
    },
    { auto: true },
  ],
});

/** The same on a server of the test's own, whose address is where `/` leads. */
export const alone = test.extend({
  baseURL: async ({ ownServer }, use) => use(ownServer.url),
});

export { expect };

/** Opens a page and waits until it answers. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await hydrated(page);
}

/** Waits until the page that the server has rendered is alive in the browser. */
export async function hydrated(page: Page): Promise<void> {
  await expect(page.locator("html")).toHaveAttribute("data-hydrated", "");
}

/** No violation of WCAG 2.2 AA that axe calls serious or critical. */
export async function expectAccessible(page: Page): Promise<void> {
  // From the top: what the page's head lies over by chance, for it stays while the page scrolls, is too small for axe.
  await page.evaluate(() => window.scrollTo({ top: 0, behavior: "instant" }));
  const { violations } = await new AxeBuilder({ page })
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
    .analyze();
  const grave = violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map((node) => node.html).join("\n  ")}`);
  expect(grave, "serious accessibility violations").toEqual([]);
}

/** The page is no wider than the window. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const widths = await page.evaluate(() => ({
    content: document.documentElement.scrollWidth,
    window: document.documentElement.clientWidth,
  }));
  expect(widths.content, "width of the content").toBeLessThanOrEqual(widths.window);
}
